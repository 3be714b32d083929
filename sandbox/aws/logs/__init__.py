"""Amazon CloudWatch Logs: what the services write, made of what has become of them."""
