"""The rhythm of a whole recording: episodes, found in the beats and in the signal, in one order of precedence."""
