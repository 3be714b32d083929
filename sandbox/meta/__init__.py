"""Meta in a box: as much of its Graph API as tells of tokens, limits and webhooks."""

from sandbox.meta.graph import Graph
from sandbox.meta.state import Token

__all__ = ["Graph", "Token"]
