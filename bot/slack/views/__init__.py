"""
What people see: pure functions from what is known to Block Kit. No I/O, no clock, no store.

    names.py      what buttons, menus and modals are called; `pressed(action)`, `unpack(metadata)`
    card.py       card(run, behind_s=0) -> Rendered
    step.py       step_detail(run, step) -> Rendered
    approval.py   approval_card(approval, run, deciders=(), breakable=False) -> Rendered
    changes.py    whole_plan_text(approval, run) -> str, plan_file(approval) -> its name
    deciding.py   approve_modal(approval, run) -> View, deny_modal(approval, run) -> View
                  read_decision(state_values) -> (typed, reason)
    breaking.py   glass_modal(approval, run) -> View, review_modal(approval, run) -> View
    glass.py      glass_card(approval, run, reviewers), review_due(approval, run, reviewers),
                  reviews(found, able) -> Rendered
    question.py   question_card(question, run) -> Rendered
                  closed_question_card(run, step | None) -> Rendered
                  answer_modal(question, run, errors={}, values=None) -> View
    start.py      start_modal(outline, menus={}, values={}, errors={}, metadata=Metadata()) -> View
    answers.py    read_values(schema, state_values) -> dict, the inverse of start_modal's fields
                  field_errors(schema, fields) -> {block_id: message} for response_action errors
    fields.py     secret_fields(schema) -> fields whose value goes to the secret store at once
    catalogue.py  summaries(books, recent) -> [BookSummary]
                  catalogue_modal(books, search="", chosen=None, metadata=Metadata()) -> View
                  whole_book(summary) -> Rendered
    home.py       home(running, recent, frozen=(), reviews=()) -> View
    results.py    started(run), finished(run) -> Rendered
    timeline.py   timeline(run) -> Rendered; timeline_text(run) -> str
    ephemeral.py  unknown_book(asked, nearest, books), usage(books), status(runs), history(runs),
                  refused(refusal, books={}), noted(noted), sentence(text), plan(text) -> Rendered
    plots.py      draw(plot) -> PNG bytes; call it in a thread

Everything that a person or a system supplied goes through escape.py; everything that has a limit
at Slack's goes through limits.py.
"""
