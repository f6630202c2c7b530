package cache

import (
	"bytes"
	"fmt"
	"io"
)

// PutNote keeps a note for the key, in place of what was there: at most 4 MiB. Like code, it may be gone
// when it is looked for.
func (c *Cache) PutNote(k Key, data []byte) error {
	if len(data) > maxNote {
		return fmt.Errorf("code cache: a note of %d bytes is more than %d", len(data), maxNote)
	}
	h := header{Kind: note, Key: k.String(), Size: int64(len(data))}
	return c.write(h, note.file(k), part{bytes.NewReader(data), io.Discard, h.Size})
}

// Note returns the note for the key, or [ErrMiss] as Get does.
func (c *Cache) Note(k Key) ([]byte, error) {
	var data bytes.Buffer
	err := c.read(note, k, maxNote, func(_ header, copyTo func(to ...io.Writer) error) error { return copyTo(&data) })
	if err != nil {
		return nil, err
	}
	_ = c.dir.Touch(note.file(k))
	return data.Bytes(), nil
}
