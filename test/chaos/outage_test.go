//go:build linux

package chaos

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAnOutageLastsWhileSomebodyWaitsAndNobodySucceeds(t *testing.T) {
	const s = time.Second
	var o outages
	o.note(kindRead, 1, 1*s, 2*s, true)
	o.note(kindRead, 1, 3*s, 9*s, false) // began first, and ended last
	o.note(kindRead, 1, 4*s, 5*s, false)
	o.note(kindRead, 2, 4*s, 5*s, true) // another partition
	o.note(kindWrite, 1, 4*s, 5*s, true)
	o.note(kindRead, 1, 10*s, 11*s, true)
	o.note(kindRead, 1, 40*s, 41*s, true) // nobody asked before
	o.fault("kill", 2*s, 3*s)
	o.fault("cut", 30*s, 39*s)
	longest := o.longest()
	require.Equal(t, outage{kindRead, 1, 3 * s, 11 * s}, longest[""][kindRead])
	require.Equal(t, outage{kindWrite, 1, 4 * s, 5 * s}, longest[""][kindWrite])
	require.Equal(t, outage{kindRead, 1, 3 * s, 11 * s}, longest["kill"][kindRead])
	require.Equal(t, outage{kindRead, 1, 40 * s, 41 * s}, longest["cut"][kindRead])
}

func TestWhoWaitsAloneWhileOthersSucceedIsNoOutage(t *testing.T) {
	const s = time.Second
	var o outages
	o.note(kindRead, 1, 1*s, 20*s, false)
	for at := 2 * s; at < 22*s; at += 2 * s {
		o.note(kindRead, 1, at, at+s, true)
	}
	require.Equal(t, 2*s, o.longest()[""][kindRead].length())
}

func TestAnOutageThatDoesNotEndCountsAsFarAsItIsKnown(t *testing.T) {
	var o outages
	o.note(kindTxn, 1, time.Second, 2*time.Second, false)
	o.note(kindTxn, 1, 3*time.Second, 9*time.Second, false)
	require.Equal(t, 8*time.Second, o.longest()[""][kindTxn].length())
}

func TestATimeInWhichNobodyAsksIsNoOutage(t *testing.T) {
	const s = time.Second
	var o outages
	o.note(kindCAS, 1, 1*s, 2*s, false)
	o.note(kindCAS, 1, 4*s, 5*s, false)
	o.note(kindCAS, 1, 90*s, 91*s, true)
	require.Equal(t, outage{kindCAS, 1, 1 * s, 5 * s}, o.longest()[""][kindCAS])
	o.note(kindCAS, 1, 6*s, 89*s, false) // now somebody does
	require.Equal(t, outage{kindCAS, 1, 1 * s, 91 * s}, o.longest()[""][kindCAS])
}
