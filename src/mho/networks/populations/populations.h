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

// Beyond these an exponential of the type is 0 or infinite.
template <typename T>
constexpr T lowest_ = sizeof(T) == 8 ? T(-708.0) : T(-87.0);
template <typename T>
constexpr T highest_ = sizeof(T) == 8 ? T(709.0) : T(88.0);

// x = n ln(2) + r, within them: r, and 2^n.
inline double rest_of(double x, double& power) {
  const double y = x < lowest_<double> ? lowest_<double> : (x > highest_<double> ? highest_<double> : x);
  const double n = std::floor(y * 1.4426950408889634074 + 0.5);
  power = power_of_two(n);
  return (y - n * 0.693147180369123816490) - n * 1.90821492927058770002e-10;
}
inline float rest_of(float x, float& power) {
  const float y = x < lowest_<float> ? lowest_<float> : (x > highest_<float> ? highest_<float> : x);
  const float n = std::floor(y * 1.44269504f + 0.5f);
  power = power_of_two(n);
  return (y - n * 0.693359375f) + n * 2.12194440e-4f;
}

template <typename T>
inline T exp_(T x) {
  T power;
  const T rest = small(rest_of(x, power));
  const T found = power + power * rest;
  return x < lowest_<T> ? T(0) : (x > highest_<T> ? T(INFINITY) : (x != x ? x : found));
}
template <typename T>
inline T expm1_(T x) {
  T power;
  const T rest = small(rest_of(x, power));
  const T found = power * rest + (power - T(1));
  return x > highest_<T> ? T(INFINITY) : (x != x ? x : found);
}

// A flag as wide as a number, so that both fill vectors in step: narrower ones make the compiler unroll loops beyond
// what its registers hold.
template <typename T>
using Flag = std::conditional_t<sizeof(T) == 8, int64_t, int32_t>;

// The places of a list of flags that are set; flags end in 64 of silence.
template <typename F>
inline void set_places(const F* __restrict flags, int64_t n, std::vector<int32_t>& found) {
  found.clear();
  for (int64_t k = 0; k < n; k += 64) {
    F any[8] = {};  // side by side, so that they fill a vector
    for (int64_t j = 0; j < 64; j += 8)
      for (int64_t l = 0; l < 8; ++l) any[l] |= flags[k + j + l];
    if (any[0] | any[1] | any[2] | any[3] | any[4] | any[5] | any[6] | any[7])
      for (int64_t j = k; j < std::min(k + 64, n); ++j)
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
