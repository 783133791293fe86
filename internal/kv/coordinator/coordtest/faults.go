package coordtest

// Fault is what happens to a call on its way.
type Fault int

// The faults.
const (
	FaultNone       Fault = iota
	FaultLost             // the call never arrives; the caller sees a timeout
	FaultAnswerLost       // it arrives, and the answer is lost
	FaultLate             // the caller sees a timeout, and the call arrives in a later Step
	FaultSlow             // a Step passes before it arrives
)

// Faults decides what happens to a call: the name is that of a method of
// cluster.Admin. It is called with the cluster locked and must not use it.
type Faults func(seat, call string) Fault
