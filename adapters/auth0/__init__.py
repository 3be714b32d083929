"""Auth0: who a user is, how they sign in, and how to keep one out."""

from adapters.auth0.adapter import Auth0
from adapters.auth0.changes import BlockUser, RevokeRefreshTokens, RevokeSessions, UnblockUser
from adapters.auth0.facts import Grant, Grants, SignIn, SignIns, Standing, Standings, User, Users

__all__ = [
    "Auth0",
    "BlockUser",
    "Grant",
    "Grants",
    "RevokeRefreshTokens",
    "RevokeSessions",
    "SignIn",
    "SignIns",
    "Standing",
    "Standings",
    "UnblockUser",
    "User",
    "Users",
]
