"""The kinds of messages: each rule on its own."""
