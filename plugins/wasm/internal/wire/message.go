package wire

// A kind is the first byte of a message.
type kind byte

const (
	kindLoad    kind = 1 + iota // plugin to worker
	kindJob                     // plugin to worker
	kindRoom                    // plugin to worker: the ring is no longer full
	kindReady                   // worker to plugin
	kindRefusal                 // worker to plugin: the module cannot be run
	kindBell                    // worker to plugin: there is output
	kindStatus                  // worker to plugin
)

// MaxMessage is the size of the largest message. It fits the buffer that Linux gives a socket by itself.
const MaxMessage = 160 << 10

// maxDescriptors is how many descriptors go with one message.
const maxDescriptors = 200

// A Stream is one of the guest's two outputs.
type Stream uint8

// The streams of a guest.
const (
	Stdout Stream = 1
	Stderr Stream = 2
)

// String returns the name of the stream in lower case.
func (s Stream) String() string {
	switch s {
	case Stdout:
		return "stdout"
	case Stderr:
		return "stderr"
	}
	return "stream unknown"
}
