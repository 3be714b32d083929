"""
What is to be delivered to Slack, and where it ended up. One row of `outbox` per name remains once
everything about that name is sent; times are seconds since the epoch.
"""

import sqlalchemy as sa

from bot.store.tables import metadata

outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),  #: The order to keep.
    sa.Column("id", sa.Text, nullable=False, unique=True),  #: The op id: name#revision.
    sa.Column("name", sa.Text, nullable=False, index=True),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("run", sa.Text, nullable=False, index=True),
    sa.Column("place", sa.Text, nullable=False),  #: run | origin | a channel's id
    sa.Column("thread", sa.Text),  #: The name of the message it hangs below, or that it pins.
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("payload", sa.Text, nullable=False),  #: JSON; emptied for files once sent.
    sa.Column("hash", sa.Text, nullable=False),  #: sha-256 of the payload.
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("state", sa.Text, nullable=False),  #: pending | sending | sent | unknown | dead
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("not_before", sa.Double),
    sa.Column("created_at", sa.Double, nullable=False),
    sa.Column("sending_at", sa.Double),  #: When it was first handed to Slack.
    sa.Column("sent_at", sa.Double),
    sa.Column("remote", sa.Text),  #: Slack's id of an uploaded file that is not yet shared.
    sa.Column("tried", sa.Text, nullable=False),  #: Channels that were closed to it, by commas.
    sa.Column("error", sa.Text),  #: Why it is dead, or why it went elsewhere.
)
sa.Index(
    "outbox_open",
    outbox.c.seq,
    sqlite_where=outbox.c.state.in_(("pending", "sending", "unknown")),
    postgresql_where=outbox.c.state.in_(("pending", "sending", "unknown")),
)

#: Where a name is to be found, once it was sent.
messages = sa.Table(
    "messages",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("run", sa.Text, nullable=False, index=True),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("ts", sa.Text, nullable=False),
    sa.Column("thread_ts", sa.Text),  #: Of the message it hangs below.
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("hash", sa.Text, nullable=False),
    sa.Column("sent_at", sa.Double, nullable=False),
)

sa.Index("messages_place", messages.c.channel, messages.c.ts)

#: Where a run speaks.
rooms = sa.Table(
    "rooms",
    metadata,
    sa.Column("run", sa.Text, primary_key=True),
    sa.Column("origin", sa.Text),  #: The channel it was started in; none for the terminal.
    #: 1: it opens a channel of its own; 2: and speaks nowhere else.
    sa.Column("opens", sa.Integer, nullable=False),
    sa.Column("channel", sa.Text),
    sa.Column("name", sa.Text, nullable=False),
)

#: Which of several replicas delivers. Its only row stays for ever.
outbox_lease = sa.Table(
    "outbox_lease",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("until", sa.Double, nullable=False),  #: As its holder's clock says.
)
