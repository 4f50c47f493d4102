"""The page of one study and its parts: sign-off, second reading, exports, audit trail."""
