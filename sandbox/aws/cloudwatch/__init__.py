"""Amazon CloudWatch: metrics and alarms that tell what the rest of the world does."""
