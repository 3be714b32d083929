"""Celery in a box: a real Redis, workers that take jobs from it, and a Flower that sees them."""
