"""A storm: everything fails at random while tasks arrive, and afterwards no text may be lost, doubled or too late.

`plan` draws the events, `hospital` and `faults` let them happen to the system that `supervisor` keeps running, and
`verdict` judges by the texts that the phone company accepted (the truth) and by the ledger. By hand: `make storm`.
"""
