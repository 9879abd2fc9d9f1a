"""What our code talks to: the care database, the ledger in it, and the phone company.

Named SQL stands in `.sql` files beside the class that runs it. Each class works without Dagster; the
factory under it hands it to ops and sensors.
"""
