package wire

// An Outlet takes what a guest writes. Its methods are called by the goroutine that runs the job, in the
// order in which the guest wrote. While they wait, so does a guest that goes on writing.
type Outlet interface {
	// Output takes at most MaxOutput bytes, which it must not keep.
	Output(stream Stream, p []byte)
	// Gap says that n bytes of a stream, at least one, were dropped here. Gaps are few: while a rate is exceeded
	// some in a second, and beyond the number of bytes ever fewer.
	Gap(stream Stream, n int64)
}
