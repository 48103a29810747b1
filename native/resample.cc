// Crops and resizes 8-bit images as Pillow's "bilinear" does, bit for bit.
//
// Along one axis, output i is the sum of the pixels p near to its centre with
// weights max(0, 1 - |p + 1/2 - centre| / reach), where centre = (i + 1/2) *
// step, step = input size / output size and reach = max(step, 1), divided by
// the sum of the weights. Weights are whole multiples of 2**-22. The columns
// are made first; what they give is rounded to 8 bits before the rows.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <optional>
#include <vector>

// The loops are compiled for several generations of CPUs, of which the program
// chooses when it is loaded. That takes the GNU C library.
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__has_attribute)
#if __has_attribute(target_clones) && !defined(__clang__) && __GNUC__ >= 12
#define SUNCET_FOR_EACH_CPU \
  __attribute__((target_clones("arch=x86-64-v4", "avx2", "default")))
#elif __has_attribute(target_clones)
#define SUNCET_FOR_EACH_CPU __attribute__((target_clones("avx2", "default")))
#endif
#endif
#ifndef SUNCET_FOR_EACH_CPU
#define SUNCET_FOR_EACH_CPU
#endif

// What such a loop calls must become a part of it.
#if defined(_MSC_VER)
#define SUNCET_INLINE __forceinline
#define SUNCET_RESTRICT __restrict
#else
#define SUNCET_INLINE inline __attribute__((always_inline))
#define SUNCET_RESTRICT __restrict__
#endif

namespace suncet {
namespace {

constexpr int kChannels = 3;
constexpr int kWeightBits = 22;
constexpr uint32_t kHalf = 1u << (kWeightBits - 1);

// The weights of one axis. Every output has `taps` of them, some may be 0, for
// the pixels from `start` on, all of which are inside the box.
struct Weights {
  int taps;
  std::vector<int64_t> start;
  std::vector<uint32_t> weight;  // [output, tap]
};

Weights MakeWeights(int64_t input, int64_t output) {
  const double step = static_cast<double>(input) / static_cast<double>(output);
  const double reach = std::max(step, 1.0);
  const double inverse = 1.0 / reach;
  std::vector<int64_t> first(output), end(output);
  int64_t taps = 1;
  for (int64_t i = 0; i < output; ++i) {
    const double centre = (static_cast<double>(i) + 0.5) * step;
    // Truncation towards zero, as everywhere below.
    first[i] = std::max<int64_t>(
        static_cast<int64_t>(centre - reach + 0.5), 0);
    end[i] = std::min(static_cast<int64_t>(centre + reach + 0.5), input);
    taps = std::max(taps, end[i] - first[i]);
  }
  Weights result{static_cast<int>(taps), std::vector<int64_t>(output),
                 std::vector<uint32_t>(output * taps)};
  std::vector<double> exact(taps);
  for (int64_t i = 0; i < output; ++i) {
    const double centre = (static_cast<double>(i) + 0.5) * step;
    const int64_t count = end[i] - first[i];
    double total = 0.0;
    for (int64_t j = 0; j < count; ++j) {
      const double pixel = static_cast<double>(first[i] + j);
      const double distance = (pixel - centre + 0.5) * inverse;
      exact[j] = std::max(1.0 - std::abs(distance), 0.0);
      total += exact[j];
    }
    // So that the taps without weight are inside the box as well.
    result.start[i] = std::min(first[i], input - taps);
    uint32_t* weight = &result.weight[i * taps + first[i] - result.start[i]];
    for (int64_t j = 0; j < count; ++j) {
      const double share = exact[j] / total;
      weight[j] = static_cast<uint32_t>(0.5 + share * (1 << kWeightBits));
    }
  }
  return result;
}

// Makes each of `count` outputs the weighted sum of kTaps inputs that are
// `stride` apart. The sum of the weights is 1 up to rounding, far too little
// to exceed 255.
template <int kTaps>
SUNCET_INLINE void SumFew(const uint8_t* SUNCET_RESTRICT input, ptrdiff_t stride,
                       const uint32_t* SUNCET_RESTRICT weight, ptrdiff_t count,
                       uint8_t* SUNCET_RESTRICT output) {
  for (ptrdiff_t i = 0; i < count; ++i) {
    uint32_t sum = kHalf;
    for (int t = 0; t < kTaps; ++t) sum += weight[t] * input[t * stride + i];
    output[i] = static_cast<uint8_t>(sum >> kWeightBits);
  }
}

// The same for any number of taps.
SUNCET_INLINE void SumMany(const uint8_t* SUNCET_RESTRICT input,
                           ptrdiff_t stride,
                           const uint32_t* SUNCET_RESTRICT weight, int taps,
                           ptrdiff_t count, uint8_t* SUNCET_RESTRICT output) {
  constexpr ptrdiff_t kBlock = 64;
  for (ptrdiff_t begin = 0; begin < count; begin += kBlock) {
    const ptrdiff_t size = std::min(kBlock, count - begin);
    uint32_t sum[kBlock];
    for (ptrdiff_t i = 0; i < size; ++i) sum[i] = kHalf;
    for (int t = 0; t < taps; ++t) {
      const uint8_t* from = input + t * stride + begin;
      for (ptrdiff_t i = 0; i < size; ++i) sum[i] += weight[t] * from[i];
    }
    for (ptrdiff_t i = 0; i < size; ++i) {
      output[begin + i] = static_cast<uint8_t>(sum[i] >> kWeightBits);
    }
  }
}

SUNCET_INLINE void Sum(const uint8_t* input, ptrdiff_t stride,
                           const uint32_t* weight, int taps, ptrdiff_t count,
                           uint8_t* output) {
  switch (taps) {
    case 1: return SumFew<1>(input, stride, weight, count, output);
    case 2: return SumFew<2>(input, stride, weight, count, output);
    case 3: return SumFew<3>(input, stride, weight, count, output);
    case 4: return SumFew<4>(input, stride, weight, count, output);
    case 5: return SumFew<5>(input, stride, weight, count, output);
    case 6: return SumFew<6>(input, stride, weight, count, output);
    default: return SumMany(input, stride, weight, taps, count, output);
  }
}

// A few lines are resized at a time, in a tile in which the pixels of one
// column are neighbours, so that one weight goes with many bytes in a row.
constexpr int kTileLines = 16;
constexpr int kPixelBytes = 4;  // a copy of 4 is one instruction, of 3 is not
constexpr int kTileStride = kTileLines * kPixelBytes;

// Copies one column of pixels between places that are so far apart.
template <int kBytes>
SUNCET_INLINE void CopyColumn(const uint8_t* from, ptrdiff_t from_stride,
                              uint8_t* to, ptrdiff_t to_stride, int lines) {
  const auto copy = [&](int i) {
    std::memcpy(to + i * to_stride, from + i * from_stride, kBytes);
  };
  if (lines == kTileLines) {
    // Almost always, and unrolled because the number is known.
    for (int i = 0; i < kTileLines; ++i) copy(i);
  } else {
    for (int i = 0; i < lines; ++i) copy(i);
  }
}

// Makes the columns of up to kTileLines lines.
SUNCET_FOR_EACH_CPU
void ResizeLines(const uint8_t* input, ptrdiff_t stride, int lines,
                 int64_t width, const Weights& weights, int64_t new_width,
                 uint8_t* tile, uint8_t* output) {
  const int64_t last = width - 1, new_last = new_width - 1;
  const ptrdiff_t new_stride = new_width * kChannels;
  for (int64_t x = 0; x < last; ++x) {
    CopyColumn<kPixelBytes>(input + x * kChannels, stride,
                            tile + x * kTileStride, kPixelBytes, lines);
  }
  // The byte after the last pixel may be outside of the image.
  CopyColumn<kChannels>(input + last * kChannels, stride,
                        tile + last * kTileStride, kPixelBytes, lines);
  uint8_t column[kTileStride];
  for (int64_t x = 0; x < new_width; ++x) {
    Sum(tile + weights.start[x] * kTileStride, kTileStride,
        &weights.weight[x * weights.taps], weights.taps, kTileStride, column);
    if (x == new_last) break;
    // The next column overwrites the fourth byte.
    CopyColumn<kPixelBytes>(column, kPixelBytes, output + x * kChannels,
                            new_stride, lines);
  }
  CopyColumn<kChannels>(column, kPixelBytes, output + new_last * kChannels,
                        new_stride, lines);
}

// Makes one line of several lines, each of `count` bytes.
SUNCET_FOR_EACH_CPU
void AddLines(const uint8_t* input, ptrdiff_t stride, const uint32_t* weight,
              int taps, ptrdiff_t count, uint8_t* output) {
  Sum(input, stride, weight, taps, count, output);
}

// Pixels, whose lines are `stride` bytes apart.
struct Box {
  const uint8_t* pixels;
  ptrdiff_t stride;
  int64_t width, height;
};

// Lines of a box with another width, made in order when they are wanted.
class Columns {
 public:
  Columns(const Box& box, int64_t new_width, int most)
      : box_(box),
        new_width_(new_width),
        capacity_(most + kTileLines),
        weights_(MakeWeights(box.width, new_width)),
        tile_(box.width * kTileStride),
        lines_(capacity_ * stride()) {}

  ptrdiff_t stride() const { return new_width_ * kChannels; }

  // Returns the lines from `begin` to `end`, at most `most` of them. Neither
  // may decrease from call to call.
  const uint8_t* Get(int64_t begin, int64_t end) {
    while (end_ < end) {
      const int lines = static_cast<int>(
          std::min<int64_t>(kTileLines, box_.height - end_));
      if (end_ + lines - begin_ > capacity_) Forget(begin);
      ResizeLines(box_.pixels + end_ * box_.stride, box_.stride, lines,
                  box_.width, weights_, new_width_, tile_.data(), At(end_));
      end_ += lines;
    }
    return At(begin);
  }

 private:
  uint8_t* At(int64_t line) {
    return lines_.data() + (line - begin_) * stride();
  }

  void Forget(int64_t begin) {
    std::memmove(lines_.data(), At(begin), (end_ - begin) * stride());
    begin_ = begin;
  }

  const Box box_;
  const int64_t new_width_, capacity_;
  const Weights weights_;
  std::vector<uint8_t> tile_, lines_;
  int64_t begin_ = 0, end_ = 0;  // the lines that are kept
};

void Resize(const Box& box, int64_t new_width, int64_t new_height,
            uint8_t* output) {
  const Weights weights = MakeWeights(box.height, new_height);
  const bool same_width = box.width == new_width;
  std::optional<Columns> columns;
  if (!same_width) columns.emplace(box, new_width, weights.taps);
  const ptrdiff_t stride = same_width ? box.stride : columns->stride();
  for (int64_t y = 0; y < new_height; ++y) {
    const int64_t start = weights.start[y];
    const uint8_t* lines = same_width
                               ? box.pixels + start * stride
                               : columns->Get(start, start + weights.taps);
    AddLines(lines, stride, &weights.weight[y * weights.taps], weights.taps,
             new_width * kChannels, output + y * new_width * kChannels);
  }
}

}  // namespace
}  // namespace suncet

#if defined(_WIN32)
#define SUNCET_EXPORT extern "C" __declspec(dllexport)
#else
#define SUNCET_EXPORT extern "C" __attribute__((visibility("default")))
#endif

// Resizes the box of `width` x `height` pixels of three bytes that begins at
// `pixels`, in an image whose lines are `stride` bytes apart. Sizes are
// positive. Returns 0, or 1 if there is no memory.
SUNCET_EXPORT int suncet_resize(const uint8_t* pixels, int64_t stride,
                                int64_t width, int64_t height, uint8_t* output,
                                int64_t new_width, int64_t new_height) {
  try {
    suncet::Resize({pixels, static_cast<ptrdiff_t>(stride), width, height},
                   new_width, new_height, output);
    return 0;
  } catch (const std::bad_alloc&) {
    return 1;
  }
}
