"""
How Stripe signs what it delivers: HMAC-SHA256 over the time and the body, byte by byte. A receiver
takes a signature for 300 s from the time in it. See https://docs.stripe.com/webhooks/signature.
"""

import hashlib
import hmac


def signature(body: bytes, secret: str, at: int) -> str:
    """The header Stripe-Signature. `at` in seconds since the epoch."""
    signed = hmac.new(secret.encode(), b"%d.%b" % (at, body), hashlib.sha256)
    return f"t={at},v1={signed.hexdigest()}"
