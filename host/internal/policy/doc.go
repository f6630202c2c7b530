// Package policy holds the decisions about tasks that need no memory: how long to wait after a
// failure, what follows the end of an attempt, what becomes of a newcomer at a slot.
//
// Everything here is a pure function. Time is a result, never an input; the dice are thrown by the
// caller, who passes a number u that is uniform in [0, 1).
//
// # After an attempt
//
// What follows the end of an attempt depends on how it ended, the restart policy, and two streaks:
// failures in a row, and losses to a plugin in a row.
//
//	end                          never                  onFailure             always
//	success                      completed/succeeded    completed/succeeded   wait for the interval
//	failure                      failed/failed          wait for the backoff  wait for the backoff
//	timeout                      failed/timeout         wait for the backoff  wait for the backoff
//	panic                        panicked/panicked      wait for the backoff  wait for the backoff
//	  the same, retries spent    -                      failed/retriesSpent   failed/retriesSpent
//	fatal                        fatal/permanent        fatal/permanent       fatal/permanent
//	lost to its plugin           lost/pluginLost        wait for the loss     wait for the loss
//	  the same, too often        -                      lost/pluginLost       lost/pluginLost
//	lost to its host             lost/hostLost          at once               at once
//
// A panic that spends the retries ends as panicked, with the same reason retriesSpent. maxRetries
// counts the retries after the first failure of a streak: N of them allow N+1 failures in a row.
//
// A success clears both streaks. Every other end that is no loss clears the streak of losses, and a
// loss leaves the streak of failures alone: neither the backoff nor maxRetries know of losses.
//
// A stop (cancel, replacement, shutdown) is not decided here: the one who asked for it knows what it
// is to mean.
package policy
