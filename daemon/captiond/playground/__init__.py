"""The playground behind `captiond try`: `questions` says what is asked, `run` asks it. Nothing is kept."""
