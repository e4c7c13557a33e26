"""What the doctor looks at in the inbox: the processes, the work that waits, Twitter."""
