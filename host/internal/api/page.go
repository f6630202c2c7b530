package api

import (
	"bytes"
	"net/http"

	"github.com/soltihq/solti-host/host/task"
)

// maxPageBytes bounds the items of one page; a single item may be larger.
const maxPageBytes = MaxBody - 64<<10

// A pageHead is a list without its items.
type pageHead struct {
	APIVersion string        `json:"apiVersion"`
	Kind       string        `json:"kind"`
	Metadata   task.ListMeta `json:"metadata"`
	UID        *task.UID     `json:"uid,omitempty"`
}

// respondPage answers with a list whose items are encoded already.
func respondPage(w http.ResponseWriter, head pageHead, items [][]byte) error {
	body, err := task.EncodeJSON(head)
	if err != nil {
		return err
	}
	body = append(body[:len(body)-1], `,"items":[`...)
	body = append(body, bytes.Join(items, []byte(","))...)
	body = append(body, "]}\n"...)
	respondBytes(w, http.StatusOK, body)
	return nil
}

// itemJSON encodes one item of a page and returns its size in bytes.
func itemJSON[T any](v T) ([]byte, int, error) {
	b, err := task.EncodeJSON(v)
	return b, len(b), err
}

// fitting asks for a page and encodes its items. Where they are longer than maxPageBytes together, it
// asks again for as many as fit, so that the page's continue token is right.
func fitting[L, T, E any](
	limit int, query func(limit int) (L, []T, error), encode func(T) (E, int, error),
) (L, []E, error) {
	for {
		list, items, err := query(limit)
		if err != nil {
			return list, nil, err
		}
		encoded, fits, err := encodeFitting(items, encode)
		if err != nil || fits {
			return list, encoded, err
		}
		limit = len(encoded)
	}
}

// encodeFitting encodes items up to maxPageBytes, and at least one. Fits says that these are all.
func encodeFitting[T, E any](items []T, encode func(T) (E, int, error)) (encoded []E, fits bool, err error) {
	encoded, size := make([]E, 0, len(items)), 0
	for _, item := range items {
		e, n, err := encode(item)
		if err != nil {
			return nil, false, err
		}
		if size += n; size > maxPageBytes && len(encoded) > 0 {
			return encoded, false, nil
		}
		encoded = append(encoded, e)
	}
	return encoded, true, nil
}
