package memfile

import (
	"bytes"
	"io"
	"testing"
)

func TestCollapseKeepsWhatIsThere(t *testing.T) {
	for _, size := range []int{1, hugePage - 1, hugePage, hugePage + 1, 3 * hugePage} {
		f, err := New("huge")
		if err != nil {
			t.Fatal(err)
		}
		data := bytes.Repeat([]byte("0123456789abcdef7"), size/17+1)[:size]
		if _, err := f.Write(data); err != nil {
			t.Fatal(err)
		}
		if err := collapse(f, size); err != nil {
			t.Logf("%d bytes: %v", size, err)
		}
		if err := Seal(f); err != nil {
			t.Errorf("%d bytes: %v: is it still mapped?", size, err)
		}
		got, err := io.ReadAll(f)
		if err != nil || len(got)%hugePage != 0 || len(got)-size >= hugePage {
			t.Errorf("%d bytes: %d bytes, %v; want them rounded up", size, len(got), err)
		}
		if !bytes.Equal(got[:size], data) || len(bytes.Trim(got[size:], "\x00")) > 0 {
			t.Errorf("%d bytes: they are others now", size)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}
