"""`python -m webui.mcp`: the server on standard input and output."""

from webui.mcp.server import run

if __name__ == "__main__":
    run()
