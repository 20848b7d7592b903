"""The page: Gradio and nothing but. It sees the studio and the words of generation, never the REST API."""
