package task

import (
	"encoding/json"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// A submission is what a submitter may write of a task; the fields are those of Task.
type submission struct {
	APIVersion string             `json:"apiVersion"`
	Kind       string             `json:"kind"`
	Metadata   submissionMetadata `json:"metadata"`
	Spec       Spec               `json:"spec"`
	Status     skipped            `json:"status"`
}

type submissionMetadata struct {
	Name              Name              `json:"name"`
	UID               skipped           `json:"uid"`
	Generation        skipped           `json:"generation"`
	ResourceVersion   skipped           `json:"resourceVersion"`
	CreationTimestamp skipped           `json:"creationTimestamp"`
	DeletionTimestamp skipped           `json:"deletionTimestamp"`
	Labels            map[string]string `json:"labels"`
	Annotations       map[string]string `json:"annotations"`
}

func (s *submission) task() *Task {
	return &Task{
		APIVersion: s.APIVersion,
		Kind:       s.Kind,
		Metadata:   Metadata{Name: s.Metadata.Name, Labels: s.Metadata.Labels, Annotations: s.Metadata.Annotations},
		Spec:       s.Spec,
	}
}

// Submission returns a copy of t without what the host makes: what [Decode] returns for the JSON of
// t. The copy shares maps, slices and pointers with t.
func (t *Task) Submission() *Task {
	return &Task{
		APIVersion: t.APIVersion,
		Kind:       t.Kind,
		Metadata:   Metadata{Name: t.Metadata.Name, Labels: t.Metadata.Labels, Annotations: t.Metadata.Annotations},
		Spec:       t.Spec,
	}
}

// skipped is a field of the host's: read, and forgotten.
type skipped struct{}

// UnmarshalJSONFrom checks the syntax of one value.
func (*skipped) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	v, err := dec.ReadValue()
	if err != nil {
		return err
	}
	if depth(v) > MaxDepth {
		return errDepth
	}
	return nil
}

// decodeJSON reads one document in JSON: straight into the types if nothing is wrong with it, and
// otherwise once more to find everything that is.
func decodeJSON(data []byte) (*Task, error) {
	if t, err := decodeFast(data); err == nil {
		return t, nil
	}
	return decodeSlow(data, nil)
}

// decodeFast returns the task, or some error.
func decodeFast(data []byte) (*Task, error) {
	var s submission
	if err := jsonv2.Unmarshal(data, &s, strict); err != nil {
		return nil, err
	}
	if err := s.Spec.Workload.tidy(); err != nil {
		return nil, err
	}
	t := s.task()
	if mayHoldZeros(t, data) {
		return nil, errZero
	}
	return t, t.validate(false, true)
}

var strict = jsonv2.RejectUnknownMembers(true)

// tidy makes the spec compact, and nil if it is null. The spec must be valid JSON.
func (w *Workload) tidy() error {
	if string(w.Spec) == "null" {
		w.Spec = nil
	}
	if w.Spec == nil {
		return nil
	}
	if w.Spec[0] != '{' {
		return errNoObject
	}
	raw, deep := compact(w.Spec)
	if deep > MaxDepth {
		return errDepth
	}
	w.Spec = json.RawMessage(raw)
	return nil
}
