package main

import (
	"fmt"
	"math"
	"slices"

	"github.com/ringkv/ringkv/internal/svg"
	"github.com/ringkv/ringkv/internal/units"
)

// The chart of ratios, in its own units.
const (
	chartWidth = 1000
	chartLeft  = 430 // where the bars begin
	chartRight = 930
	chartTop   = 70
	rowHeight  = 24
)

// The colours of bars, and of the mark for what is to be reached.
const (
	goodColor = "#3f8f5f"
	badColor  = "#c8553d"
	markColor = "#1b2733"
)

// goodness is how much better than the peer a row is: the ratio, turned over where
// less is better. wanted is the same of the target, 0 if there is none.
func (c *comparison) goodness() (middle, least, most, wanted float64) {
	middle, least, most = c.ratios()
	if c.Unit == "/s" {
		return middle, least, most, c.Target.RatioAtLeast
	}
	if c.Target.RatioAtMost > 0 {
		wanted = 1 / c.Target.RatioAtMost
	}
	return 1 / middle, 1 / most, 1 / least, wanted
}

// ratioChart draws a bar for every row that has a peer: how many times as good, on a
// logarithmic scale, with the spread of the rounds and a mark at what is to be
// reached.
func (r *results) ratioChart() string {
	var rows []comparison
	low, high := 0.5, 2.0
	for _, c := range r.Comparisons {
		middle, least, most, wanted := c.goodness()
		if len(c.Theirs) == 0 || math.IsInf(middle, 0) || math.IsNaN(middle) || middle <= 0 {
			continue
		}
		rows = append(rows, c)
		low, high = min(low, least), max(high, most, wanted)
	}
	low, high = math.Pow(2, math.Floor(math.Log2(low))), math.Pow(2, math.Ceil(math.Log2(high)))
	x := func(v float64) float64 {
		return chartLeft + (chartRight-chartLeft)*math.Log2(v/low)/math.Log2(high/low)
	}
	bottom := float64(chartTop + rowHeight*len(rows))
	d := svg.New(chartWidth, int(bottom)+30)
	d.Text(20, 30, 20, "start", svg.Ink, "ringkv beside its peers")
	d.Text(20, 50, 13, "start", svg.Faint, "how many times as good (rate, or time and memory turned over); thin line: spread of the rounds; black mark: to reach")
	for v := low; v <= high; v *= 2 {
		d.Line(x(v), chartTop-5, x(v), bottom, svg.Grid)
		d.Text(x(v), bottom+18, 12, "middle", svg.Faint, fmt.Sprintf("%g", v))
	}
	for i := range rows {
		c, y := &rows[i], float64(chartTop+rowHeight*i)
		middle, least, most, wanted := c.goodness()
		color := goodColor
		if wanted > 0 && !c.reached() || wanted == 0 && middle < 1 {
			color = badColor
		}
		from, to := min(x(1), x(middle)), max(x(1), x(middle))
		d.Rect(from, y+4, to-from, rowHeight-10, color, 1, "")
		d.Line(x(least), y+rowHeight/2-1, x(most), y+rowHeight/2-1, svg.Ink)
		if wanted > 0 {
			d.Rect(x(wanted)-1.5, y+1, 3, rowHeight-4, markColor, 1, "")
		}
		d.Text(chartLeft-60, y+16, 12, "end", svg.Ink, c.Group+": "+c.Work)
		d.Text(chartRight+8, y+16, 12, "start", svg.Faint, fmt.Sprintf("%.2f", middle))
	}
	d.Line(x(1), chartTop-5, x(1), bottom, svg.Faint)
	return d.String()
}

// The chart of growth, in its own units.
const (
	growthWidth, growthHeight = 760, 400
	growthLeft, growthRight   = 110, 720
	growthTop, growthBottom   = 60, 340
)

var lineColors = []string{"#d8582f", "#2f7ed8", goodColor}

// growthChart draws lines on two logarithmic scales: a straight line is a power, and
// where it bends is the knee.
func growthChart(title string, lines []series) string {
	var xs, ys []float64
	for _, s := range lines {
		for _, p := range s.At {
			xs, ys = append(xs, p.X), append(ys, max(p.Y, 1e-3))
		}
	}
	x, y := scaleOf(xs, 2, growthLeft, growthRight), scaleOf(ys, 10, growthBottom, growthTop)
	d := svg.New(growthWidth, growthHeight)
	d.Text(20, 28, 15, "start", svg.Ink, title)
	for v := y.low; v <= y.high*1.001; v *= 10 {
		d.Line(growthLeft, y.at(v), growthRight, y.at(v), svg.Grid)
		d.Text(growthLeft-8, y.at(v)+4, 12, "end", svg.Faint, quantity(v, lines[0].Unit))
	}
	for _, p := range lines[0].At {
		d.Line(x.at(p.X), growthTop, x.at(p.X), growthBottom, svg.Grid)
		d.Text(x.at(p.X), growthBottom+18, 12, "middle", svg.Faint, units.Count(int64(p.X)))
	}
	d.Text(growthRight, growthBottom+40, 13, "end", svg.Faint, lines[0].X)
	for i, s := range lines {
		var points []svg.Point
		for _, p := range s.At {
			at := svg.Point{X: x.at(p.X), Y: y.at(max(p.Y, 1e-3))}
			points = append(points, at)
			d.Text(at.X, at.Y-8, 11, "middle", lineColors[i%len(lineColors)], quantity(p.Y, s.Unit))
		}
		d.Curve(points, lineColors[i%len(lineColors)])
		d.Text(growthLeft+float64(120*i), growthTop-10, 13, "start", lineColors[i%len(lineColors)], s.Line)
	}
	return d.String()
}

// logScale maps values to a place between from and to.
type logScale struct{ low, high, from, to float64 }

// scaleOf spans whole powers of base around the values.
func scaleOf(values []float64, base, from, to float64) logScale {
	low, high := slices.Min(values), slices.Max(values)
	s := logScale{low: math.Pow(base, math.Floor(math.Log(low)/math.Log(base))), high: math.Pow(base, math.Ceil(math.Log(high)/math.Log(base))), from: from, to: to}
	if s.high <= s.low {
		s.high = s.low * base
	}
	return s
}

func (s logScale) at(v float64) float64 {
	return s.from + (s.to-s.from)*math.Log(v/s.low)/math.Log(s.high/s.low)
}
