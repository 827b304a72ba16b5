"""The test ground: brokers, databases, sinks, clocks and waiting, for every kind of test."""
