package task

// A Query says which tasks to list. Its zero value means all tasks, first page.
type Query struct {
	Slot     Slot      // only this slot; empty means all
	Phases   []Phase   // only these phases; empty means all
	Labels   *Selector // only these labels; nil means all
	Limit    int       // tasks per page, at most MaxPage; 0 means DefaultPage
	Continue string    // ListMeta.Continue of the page before
	System   bool      // also the host's own tasks
}

// Sizes of pages.
const (
	DefaultPage = 100
	MaxPage     = 1000
)

// ListMeta describes a page.
type ListMeta struct {
	ResourceVersion    string `json:"resourceVersion"`
	Continue           string `json:"continue,omitempty"`           // empty means that this is the last page
	RemainingItemCount int    `json:"remainingItemCount,omitempty"` // after this page; 0 before the last page means that it was not counted
}

// A List is a page of tasks, sorted by name.
type List struct {
	APIVersion string   `json:"apiVersion"`
	Kind       string   `json:"kind"` // TaskList
	Metadata   ListMeta `json:"metadata"`
	Items      []*Task  `json:"items"` // never nil
}

// A RunQuery says which runs of a task to list.
type RunQuery struct {
	UID      UID    // only if the task has this UID; zero means any
	Limit    int    // runs per page, at most MaxPage; 0 means DefaultPage
	Continue string // ListMeta.Continue of the page before
}

// A RunList is a page of the runs of one task, oldest first.
type RunList struct {
	APIVersion string   `json:"apiVersion"`
	Kind       string   `json:"kind"` // RunList
	Metadata   ListMeta `json:"metadata"`
	UID        UID      `json:"uid"` // of the task
	Items      []Run    `json:"items"`
}
