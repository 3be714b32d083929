"""
Secrets: where they are kept (reference), how they are read (vault), where those that people type
go (keeping), and how all of them are kept out of everything that can be read (redaction).
"""
