package codec

import (
	"fmt"

	"github.com/soltihq/solti-host/host/internal/event"
	"github.com/soltihq/solti-host/host/task"
)

// AppendKey appends the payload of an idempotency key.
func AppendKey(b []byte, k *event.Key) []byte {
	b = putText(b, 1, k.Text)
	b = putPresent(b, 2, k.Digest[:])
	b = putPresent(b, 3, k.UID[:])
	b = putTime(b, 4, k.Expires)
	b = putText(b, 5, k.Name)
	if k.Busy {
		b = putUint(b, 6, 1)
	}
	return b
}

// DecodeKey reads the payload of an idempotency key.
func DecodeKey(payload []byte) (event.Key, error) {
	var k event.Key
	err := each(payload, func(f *field) error {
		switch f.num {
		case 1:
			k.Text = f.string()
		case 2:
			return fill(k.Digest[:], f.text)
		case 3:
			return fill(k.UID[:], f.text)
		case 4:
			k.Expires = f.time()
		case 5:
			k.Name = task.Name(f.string())
		case 6:
			k.Busy = f.val != 0
		}
		return nil
	})
	return k, err
}

func fill(dst, src []byte) error {
	if len(src) != len(dst) {
		return fmt.Errorf("%d bytes where %d belong", len(src), len(dst))
	}
	copy(dst, src)
	return nil
}

// Totals are the numbers that a store keeps for the host.
type Totals struct {
	Count   event.Counters
	Records uint64 // ever committed
}

// AppendTotals appends the payload of t.
func AppendTotals(b []byte, t *Totals) []byte {
	b = putUint(b, 1, t.Count.Run)
	b = putUint(b, 2, t.Count.Name)
	b = putUint(b, 3, t.Count.Order)
	return putUint(b, 4, t.Records)
}

// DecodeTotals reads the payload of totals.
func DecodeTotals(payload []byte) (Totals, error) {
	var t Totals
	err := each(payload, func(f *field) error {
		switch f.num {
		case 1:
			t.Count.Run = f.val
		case 2:
			t.Count.Name = f.val
		case 3:
			t.Count.Order = f.val
		case 4:
			t.Records = f.val
		}
		return nil
	})
	return t, err
}

// AppendNumber and AppendText append payloads of one field.
func AppendNumber(b []byte, v uint64) []byte { return putUint(b, 1, v) }

// AppendText appends a payload that is one text.
func AppendText(b []byte, v string) []byte { return putText(b, 1, v) }

// DecodeNumber reads what AppendNumber wrote.
func DecodeNumber(payload []byte) (v uint64, err error) {
	err = each(payload, func(f *field) error {
		if f.num == 1 {
			v = f.val
		}
		return nil
	})
	return v, err
}

// DecodeText reads what AppendText wrote.
func DecodeText(payload []byte) (v string, err error) {
	err = each(payload, func(f *field) error {
		if f.num == 1 {
			v = f.string()
		}
		return nil
	})
	return v, err
}
