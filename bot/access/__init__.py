"""
Who may do what: the policy file's meaning, and the one function that decides.

    policy.py        the file as data, and what stands when there is none
    policy_file.py   its text read, with a sentence and a line for everything that is wrong
    hours.py         hours of the week by the clock of a time zone
    acts.py          what somebody wants to do, and the moment they want it in
    deciding.py      may(policy, member, act, moment) -> Allowed | Denied

Pure: knows neither Slack nor the store. Whoever asks brings the person, the time and the switch.
"""
