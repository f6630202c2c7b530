package wasi

// Rights say which functions may be called for a descriptor.
type rights uint64

const (
	rightFdDatasync rights = 1 << iota
	rightFdRead
	rightFdSeek
	rightFdstatSetFlags
	rightFdSync
	rightFdTell
	rightFdWrite
	rightFdAdvise
	rightFdAllocate
	rightPathCreateDirectory
	rightPathCreateFile
	rightPathLinkSource
	rightPathLinkTarget
	rightPathOpen
	rightFdReaddir
	rightPathReadlink
	rightPathRenameSource
	rightPathRenameTarget
	rightPathFilestatGet
	rightPathFilestatSetSize
	rightPathFilestatSetTimes
	rightFdFilestatGet
	rightFdFilestatSetSize
	rightFdFilestatSetTimes
	rightPathSymlink
	rightPathRemoveDirectory
	rightPathUnlinkFile
	rightPollFdReadwrite
	rightSockShutdown
	rightSockAccept
)

const (
	stdinRights  = rightFdRead | rightFdstatSetFlags | rightFdFilestatGet | rightPollFdReadwrite
	outputRights = rightFdWrite | rightFdstatSetFlags | rightFdFilestatGet | rightPollFdReadwrite

	readRights  = rightFdRead
	writeRights = rightFdWrite | rightFdAllocate | rightFdFilestatSetSize
	fileRights  = readRights | writeRights | rightFdDatasync | rightFdSeek | rightFdstatSetFlags | rightFdSync |
		rightFdTell | rightFdAdvise | rightFdFilestatGet | rightFdFilestatSetTimes | rightPollFdReadwrite

	directoryRights = rightFdstatSetFlags | rightFdSync | rightFdDatasync | rightFdAdvise |
		rightPathCreateDirectory | rightPathCreateFile |
		rightPathLinkSource | rightPathLinkTarget | rightPathOpen | rightFdReaddir | rightPathReadlink |
		rightPathRenameSource | rightPathRenameTarget | rightPathFilestatGet | rightPathFilestatSetSize |
		rightPathFilestatSetTimes | rightFdFilestatGet | rightFdFilestatSetTimes | rightPathSymlink |
		rightPathRemoveDirectory | rightPathUnlinkFile
	inheritedRights = directoryRights | fileRights

	listenerRights   = rightSockAccept | rightFdstatSetFlags | rightFdFilestatGet | rightPollFdReadwrite
	connectionRights = rightFdRead | rightFdWrite | rightSockShutdown | rightFdstatSetFlags | rightFdFilestatGet |
		rightPollFdReadwrite
)

// fdstatSetRights takes rights away. To add one is ENOTCAPABLE.
func (j *job) fdstatSetRights(_ memory, a []uint64) Errno {
	f := j.files.get(a[0])
	if f == nil {
		return eBadf
	}
	base, inheriting := rights(a[1]), rights(a[2])
	if base&^f.base != 0 || inheriting&^f.inheriting != 0 {
		return eNotcapable
	}
	f.base, f.inheriting = base, inheriting
	return success
}
