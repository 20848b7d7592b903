"""An MCP server over a running Easel: assistants make, change, find and look at pictures. `python launch.py mcp`; see docs/mcp.md."""
