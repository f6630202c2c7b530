package state

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/soltihq/solti-host/host/task"
)

// A continue token is a checksum and a place. The checksum covers the place, what is listed and the
// store's epoch, so that a token that was cut, altered, or made for another list or store is found out.
// It needs no secret: who makes one up reads only what they may read anyway.
const tokenSum = 9

// seal makes the token of a place in a list.
func (s *State) seal(list, place string) string {
	return base64.RawURLEncoding.EncodeToString(append(s.tokenSum(list, place), place...))
}

// unseal returns the place of a token. An empty token is the beginning.
func (s *State) unseal(list, token string) (string, error) {
	if token == "" {
		return "", nil
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(b) < tokenSum {
		return "", fmt.Errorf("%w: it is damaged, list again from the start", task.ErrExpired)
	}
	place := string(b[tokenSum:])
	if subtle.ConstantTimeCompare(b[:tokenSum], s.tokenSum(list, place)) == 0 {
		return "", fmt.Errorf("%w: it belongs to another list, list again from the start", task.ErrExpired)
	}
	return place, nil
}

func (s *State) tokenSum(list, place string) []byte {
	sum := sha256.Sum256([]byte(s.epoch + "\x00" + list + "\x00" + place))
	return sum[:tokenSum]
}

// taskList names the list that a query asks for: all of it but the page.
func taskList(q *task.Query) string {
	phases := slices.Clone(q.Phases)
	slices.Sort(phases)
	b, err := json.Marshal(struct {
		Slot   task.Slot
		Phases []task.Phase
		Labels *task.Selector
		System bool
	}{q.Slot, slices.Compact(phases), q.Labels, q.System})
	if err != nil { // texts and maps of texts always have a JSON form
		panic(err)
	}
	return "tasks" + string(b)
}

// runPlace reads the attempt in a token of a list of runs.
func runPlace(place string) (int, error) {
	if place == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(place)
	if err != nil {
		return 0, fmt.Errorf("%w: it is damaged, list again from the start", task.ErrExpired)
	}
	return n, nil
}
