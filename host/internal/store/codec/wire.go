package codec

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

type number = protowire.Number

func putUint(b []byte, n number, v uint64) []byte {
	if v == 0 {
		return b
	}
	return protowire.AppendVarint(protowire.AppendTag(b, n, protowire.VarintType), v)
}

func putInt[T ~int | ~int64](b []byte, n number, v T) []byte { return putUint(b, n, uint64(v)) }

// putOptional writes a number that may be zero, unless it is not there.
func putOptional(b []byte, n number, v *int) []byte {
	if v == nil {
		return b
	}
	b = protowire.AppendTag(b, n, protowire.VarintType)
	return protowire.AppendVarint(b, protowire.EncodeZigZag(int64(*v)))
}

func putFixed(b []byte, n number, v uint64) []byte {
	if v == 0 {
		return b
	}
	return protowire.AppendFixed64(protowire.AppendTag(b, n, protowire.Fixed64Type), v)
}

func putText[T ~string | ~[]byte](b []byte, n number, v T) []byte {
	if len(v) == 0 {
		return b
	}
	return putPresent(b, n, v)
}

// putPresent writes a text even if it is empty.
func putPresent[T ~string | ~[]byte](b []byte, n number, v T) []byte {
	b = protowire.AppendTag(b, n, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(len(v)))
	return append(b, v...)
}

// putTime writes a time as nanoseconds since 1970, which hold the years 1678 to 2262.
func putTime(b []byte, n number, t time.Time) []byte {
	if t.IsZero() {
		return b
	}
	return protowire.AppendFixed64(protowire.AppendTag(b, n, protowire.Fixed64Type), uint64(t.UnixNano()))
}

func putMap(b []byte, n number, m map[string]string) []byte {
	if len(m) == 0 {
		return b
	}
	keys := slices.AppendSeq(make([]string, 0, len(m)), maps.Keys(m))
	slices.Sort(keys)
	for _, k := range keys {
		var start int
		b, start = open(b, n)
		b = putText(b, 1, k)
		b = putText(b, 2, m[k])
		b = shut(b, start)
	}
	return b
}

// open begins a message within a message; shut ends it, once its fields are written.
func open(b []byte, n number) (out []byte, start int) {
	b = append(protowire.AppendTag(b, n, protowire.BytesType), 0)
	return b, len(b)
}

// shut writes the length in front of the message. One byte was left for it; a longer message is moved.
func shut(b []byte, start int) []byte {
	size := len(b) - start
	if size < 1<<7 {
		b[start-1] = byte(size)
		return b
	}
	more := protowire.SizeVarint(uint64(size)) - 1
	for range more {
		b = append(b, 0)
	}
	copy(b[start+more:], b[start:start+size])
	protowire.AppendVarint(b[:start-1], uint64(size))
	return b
}

// A field is one field of a message. Its text belongs to the message.
type field struct {
	num  number
	val  uint64 // of numbers
	text []byte // of texts and messages
}

func (f *field) int() int       { return int(f.val) }
func (f *field) string() string { return word(f.text) }
func (f *field) bytes() []byte  { return append([]byte(nil), f.text...) }

func (f *field) optional() *int {
	v := int(protowire.DecodeZigZag(f.val))
	return &v
}

func (f *field) time() time.Time { return time.Unix(0, int64(f.val)).UTC() }

// each calls visit for every field of a message, and stops at the first error.
func each(b []byte, visit func(f *field) error) error {
	var f field
	for len(b) > 0 {
		n, err := f.read(b)
		if err != nil {
			return err
		}
		if err := visit(&f); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// read reads the first field of b and returns its length.
func (f *field) read(b []byte) (int, error) {
	num, typ, n := protowire.ConsumeTag(b)
	if n < 0 {
		return 0, fmt.Errorf("field: %w", protowire.ParseError(n))
	}
	*f = field{num: num}
	size := 0
	switch typ {
	case protowire.VarintType:
		f.val, size = protowire.ConsumeVarint(b[n:])
	case protowire.Fixed64Type:
		f.val, size = protowire.ConsumeFixed64(b[n:])
	case protowire.BytesType:
		f.text, size = protowire.ConsumeBytes(b[n:])
	default:
		size = protowire.ConsumeFieldValue(num, typ, b[n:])
	}
	if size < 0 {
		return 0, fmt.Errorf("field %d: %w", num, protowire.ParseError(size))
	}
	return n + size, nil
}

// entry adds a message written by putMap to m.
func (f *field) entry(m *map[string]string) error {
	var k, v string
	err := each(f.text, func(f *field) error {
		switch f.num {
		case 1:
			k = f.string()
		case 2:
			v = f.string()
		}
		return nil
	})
	if *m == nil {
		*m = make(map[string]string)
	}
	(*m)[k] = v
	return err
}
