"""`GET /metrics` for Prometheus, from the process `sequora heartbeat`.

`catalog` has every metric with its meaning; `of_ledger`, `of_application`, `of_dagster` and `of_broker` read the
values; `sources` keeps a scrape short whatever hangs; `serving` puts them together and listens. Figures only: no id,
name, number or sentence is in a label or a value.
"""
