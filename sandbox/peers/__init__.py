"""Those the company depends on, answering on loopback as the real ones do, faults included."""
