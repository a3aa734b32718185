# Shortens cargo's progress: one line for every 25 crates, and for those that take long; warnings and errors in full.
/^ +(Compiling|Checking|Documenting) / {
  n++
  if (n % 25 == 0 || /librocksdb-sys|libp2p v|starfire-/) { printf "   %3d crates, now %s\n", n, $2; fflush() }
  next
}
/^ +(Finished|Generated|Blocking|Updating|Locking|Executable|Downloading|Downloaded) / { next }
{ print; fflush() }
