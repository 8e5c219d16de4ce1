// What every generated kernel of a spiking network shares: exponentials that run in vectors, lists of spikes, rings.

#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

#include "xla/ffi/api/ffi.h"

namespace ffi = xla::ffi;

namespace mho {

// exp(r) - 1 for |r| <= ln(2)/2, to rounding: the series.
inline double small(double r) {
  double s = 1.0 / 6227020800.0;
  s = s * r + 1.0 / 479001600.0;
  s = s * r + 1.0 / 39916800.0;
  s = s * r + 1.0 / 3628800.0;
  s = s * r + 1.0 / 362880.0;
  s = s * r + 1.0 / 40320.0;
  s = s * r + 1.0 / 5040.0;
  s = s * r + 1.0 / 720.0;
  s = s * r + 1.0 / 120.0;
  s = s * r + 1.0 / 24.0;
  s = s * r + 1.0 / 6.0;
  s = s * r + 0.5;
  return s * r * r + r;
}
inline float small(float r) {
  float s = 1.0f / 40320.0f;
  s = s * r + 1.0f / 5040.0f;
  s = s * r + 1.0f / 720.0f;
  s = s * r + 1.0f / 120.0f;
  s = s * r + 1.0f / 24.0f;
  s = s * r + 1.0f / 6.0f;
  s = s * r + 0.5f;
  return s * r * r + r;
}

// x = n ln(2) + r: the exponent of 2^n is put together from the bits of n + 1.5 * 2^52, which the sum leaves below.
inline double power_of_two(double n) {
  const double shifted = n + 0x1.8p52;
  int64_t bits;
  std::memcpy(&bits, &shifted, sizeof bits);
  bits = (bits + 1023) << 52;
  double found;
  std::memcpy(&found, &bits, sizeof found);
  return found;
}
inline float power_of_two(float n) {
  int32_t bits = (static_cast<int32_t>(n) + 127) << 23;
  float found;
  std::memcpy(&found, &bits, sizeof found);
  return found;
}

inline double exp_(double x) {
  const double y = x < -708.0 ? -708.0 : (x > 709.0 ? 709.0 : x);
  const double n = std::floor(y * 1.4426950408889634074 + 0.5);
  const double r = (y - n * 0.693147180369123816490) - n * 1.90821492927058770002e-10;
  const double e = power_of_two(n);
  const double found = e + e * small(r);
  return x < -708.0 ? 0.0 : (x > 709.0 ? double(INFINITY) : (x != x ? x : found));
}
inline float exp_(float x) {
  const float y = x < -87.0f ? -87.0f : (x > 88.0f ? 88.0f : x);
  const float n = std::floor(y * 1.44269504f + 0.5f);
  const float r = (y - n * 0.693359375f) + n * 2.12194440e-4f;
  const float e = power_of_two(n);
  const float found = e + e * small(r);
  return x < -87.0f ? 0.0f : (x > 88.0f ? float(INFINITY) : (x != x ? x : found));
}
inline double expm1_(double x) {
  const double y = x < -708.0 ? -708.0 : (x > 709.0 ? 709.0 : x);
  const double n = std::floor(y * 1.4426950408889634074 + 0.5);
  const double r = (y - n * 0.693147180369123816490) - n * 1.90821492927058770002e-10;
  const double e = power_of_two(n);
  const double found = e * small(r) + (e - 1.0);
  return x > 709.0 ? double(INFINITY) : (x != x ? x : found);
}
inline float expm1_(float x) {
  const float y = x < -87.0f ? -87.0f : (x > 88.0f ? 88.0f : x);
  const float n = std::floor(y * 1.44269504f + 0.5f);
  const float r = (y - n * 0.693359375f) + n * 2.12194440e-4f;
  const float e = power_of_two(n);
  const float found = e * small(r) + (e - 1.0f);
  return x > 88.0f ? float(INFINITY) : (x != x ? x : found);
}

// A flag as wide as a number, so that both fill vectors in step: narrower ones make the compiler unroll loops beyond
// what its registers hold.
template <typename T>
using Flag = std::conditional_t<sizeof(T) == 8, int64_t, int32_t>;

// The places of a list of flags that are set; flags end in 16 of silence.
template <typename F>
inline void set_places(const F* __restrict flags, int64_t n, std::vector<int32_t>& found) {
  found.clear();
  for (int64_t k = 0; k < n; k += 16) {
    F any = 0;
    for (int64_t j = 0; j < 16; ++j) any |= flags[k + j];
    if (any)
      for (int64_t j = k; j < std::min(k + 16, n); ++j)
        if (flags[j]) found.push_back(static_cast<int32_t>(j));
  }
}

// Who fired in the last steps; at(0) is the newest.
class Volleys {
 public:
  Volleys(const uint8_t* flags, int64_t depth, int64_t n) : lists_(depth + 1), n_(n) {
    for (int64_t d = 0; d < depth; ++d)
      for (int64_t k = 0; k < n; ++k)
        if (flags[d * n + k]) at(d).push_back(static_cast<int32_t>(k));
  }
  std::vector<int32_t>& at(int64_t ago) { return lists_[(newest_ + ago) % lists_.size()]; }
  std::vector<int32_t>& turn() {
    newest_ = (newest_ + lists_.size() - 1) % lists_.size();
    at(0).clear();
    return at(0);
  }
  void leave(uint8_t* flags, int64_t depth) {
    std::memset(flags, 0, depth * n_);
    for (int64_t d = 0; d < depth; ++d)
      for (int32_t k : at(d)) flags[d * n_ + k] = 1;
  }

 private:
  std::vector<std::vector<int32_t>> lists_;
  int64_t n_;
  size_t newest_ = 0;
};

// A delay line whose rows are used in turn.
template <typename T>
class Line {
 public:
  Line(T* data, int64_t rows, int64_t width) : data_(data), rows_(rows), width_(width) {}
  T* row() { return data_ + head_ * width_; }
  void pass() {  // the row is used up: zeros, by now
    head_ = (head_ + 1) % rows_;
  }
  void add(const int32_t* __restrict place, const T* __restrict jump, int64_t n) {
    if (rows_ == 1) {
      for (int64_t k = 0; k < n; ++k) data_[place[k]] += jump[k];
      return;
    }
    const int64_t base = head_ * width_, all = rows_ * width_;
    for (int64_t k = 0; k < n; ++k) {
      const int64_t at = base + place[k];
      data_[at < all ? at : at - all] += jump[k];
    }
  }
  void leave() { std::rotate(data_, row(), data_ + rows_ * width_); }

 private:
  T* data_;
  int64_t rows_, width_, head_ = 0;
};

}  // namespace mho
