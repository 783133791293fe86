package bench

import (
	"image"
	"image/color"
	"testing"

	"github.com/stretchr/testify/require"
)

// painted is the smallest area, in units, that holds all pixels of a canvas that are
// not transparent.
func painted(c *raster) (left, top, right, bottom float64) {
	var area image.Rectangle
	for y := range c.image.Rect.Dy() {
		for x := range c.image.Rect.Dx() {
			if c.image.RGBAAt(x, y).A > 0 {
				area = area.Union(image.Rect(x, y, x+1, y+1))
			}
		}
	}
	return float64(area.Min.X) / pixels, float64(area.Min.Y) / pixels, float64(area.Max.X) / pixels, float64(area.Max.Y) / pixels
}

func canvasOfPixels(t *testing.T) *raster {
	c, err := newRaster()
	require.NoError(t, err)
	return c
}

func (c *raster) at(x, y float64) color.RGBA { return c.image.RGBAAt(pixel(x), pixel(y)) }

func TestShapesArePaintedWhereTheyBelong(t *testing.T) {
	red := color.RGBA{R: 255, A: 255}
	c := canvasOfPixels(t)
	c.rect(10, 20, 30, 40, "#ff0000", 1, "")
	left, top, right, bottom := painted(c)
	require.Equal(t, []float64{10, 20, 40, 60}, []float64{left, top, right, bottom})
	require.Equal(t, red, c.at(25, 40))
	c.rect(10, 20, 30, 40, "#0000ff", 0.5, "")
	require.InDelta(t, 127, c.at(25, 40).R, 1)
	require.InDelta(t, 128, c.at(25, 40).B, 1)

	c = canvasOfPixels(t)
	c.line(100, 50, 20, 50, "#ff0000")
	left, top, right, bottom = painted(c)
	require.Equal(t, []float64{19.5, 49.5, 100.5, 50.5}, []float64{left, top, right, bottom})

	c = canvasOfPixels(t)
	c.curve(nil, "#ff0000")
	c.curve([]spot{{100, 100}, {200, 150}, {200, 150}, {300, 100}, {300, 300}}, "#ff0000")
	for _, on := range []spot{{100, 100}, {150, 125}, {200, 150}, {250, 125}, {300, 200}} {
		require.Equal(t, red, c.at(on.x, on.y), "%v is on the curve", on)
	}
	for _, off := range []spot{{150, 120}, {150, 130}, {295, 200}, {305, 200}} {
		require.Zero(t, c.at(off.x, off.y).A, "%v is not", off)
	}
}

func TestTextStandsOnItsPlace(t *testing.T) {
	const text = "p99 12µs"
	var width float64
	for _, anchor := range []anchor{start, middle, end} {
		c := canvasOfPixels(t)
		c.text(500, 300, 20, anchor, "#000000", text)
		left, top, right, bottom := painted(c)
		require.InDelta(t, 300, bottom, 6, "letters that go below the line")
		require.InDelta(t, 285, top, 3)
		switch anchor {
		case start:
			require.InDelta(t, 500, left, 3)
			width = right - left
			require.InDelta(t, 85, width, 15)
		case middle:
			require.InDelta(t, 500, (left+right)/2, 3)
		case end:
			require.InDelta(t, 500, right, 3)
		}
		require.InDelta(t, width, right-left, 1)
	}
}
