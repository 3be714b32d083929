"""
A Slack workspace on loopback, for people to try the bot in and for tests to break.

It answers like the real one as far as Slack documents itself: methods, errors, limits, shapes,
Socket Mode. `Workspace` is the whole of it. It is a simulation and keeps everything in memory.
"""
