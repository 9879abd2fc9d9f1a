"""A storm: everything fails at random while tasks arrive, and afterwards no text may be lost, doubled or too late.

`plan` draws what happens, `hospital` and `faults` let it happen to the system that `supervisor` keeps running, and
`verdict` judges from what the phone company accepted (the truth) and what the ledger says. By hand: `make storm`.
"""
