"""The Web API: one file per family of methods, and how a request reaches them."""
