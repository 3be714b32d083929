"""The company's own services in a box: its callback for webhooks, its internal API."""
