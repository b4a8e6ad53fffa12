"""The official Python SDK with one tool, as its guide starts one.

usage: server.py stateless|sessions PORT
"""

import sys

from mcp.server.mcpserver import MCPServer

server = MCPServer("peer")


@server.tool(structured_output=False)
def echo(message: str) -> str:
    """Echoes back the input"""
    return f"Echo: {message}"


mode, port = sys.argv[1:]
stateless = mode == "stateless"
server.run("streamable-http", port=int(port), stateless_http=stateless, json_response=stateless)
