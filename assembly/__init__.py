"""Puts the parts together, for app.py and the tests: nothing else imports this."""
