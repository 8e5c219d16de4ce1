// Line-preconditioned conjugate gradients for one array of conductances: the twin of mho.crossbars.mesh.symmetric.
//
// Rows are eliminated, columns are found. Row solves run down the columns of a block of LANES rows at once, so that the
// processor's vector unit works on independent lines; column solves are vectors along a row of the array as it lies.
// Every pass over memory does all that it can: three a iteration.

#include <cmath>
#include <cstdint>
#include <cstring>
#include <new>

#include "memory.h"
#include "xla/ffi/api/ffi.h"

namespace ffi = xla::ffi;

namespace {

constexpr int64_t LANES = 8;  // rows of a block
constexpr int64_t WIDE = 4;   // numbers of a vector
typedef double Vector __attribute__((vector_size(sizeof(double) * WIDE)));  // g++ and clang++ have it on any processor

struct Plane {  // lines of one direction
  double r;
  const double* start;
  const double* end;
  const bool* pinned;
};

Vector loaded(const double* from) {
  Vector v;
  std::memcpy(&v, from, sizeof v);
  return v;
}

void stored(double* to, Vector v) { std::memcpy(to, &v, sizeof v); }

// Four vectors of four numbers, rows for columns.
void transpose(Vector v[WIDE]) {
  const Vector a = __builtin_shufflevector(v[0], v[1], 0, 4, 2, 6), b = __builtin_shufflevector(v[0], v[1], 1, 5, 3, 7);
  const Vector c = __builtin_shufflevector(v[2], v[3], 0, 4, 2, 6), d = __builtin_shufflevector(v[2], v[3], 1, 5, 3, 7);
  v[0] = __builtin_shufflevector(a, c, 0, 1, 4, 5);
  v[1] = __builtin_shufflevector(b, d, 0, 1, 4, 5);
  v[2] = __builtin_shufflevector(a, c, 2, 3, 6, 7);
  v[3] = __builtin_shufflevector(b, d, 2, 3, 6, 7);
}

double last_factor(double total, bool pinned) { return (total > 0.0 && !pinned) ? 1.0 / total : 0.0; }

class Solver {
 public:
  Solver(int64_t m, int64_t n, const double* g, Plane rows, Plane columns)
      : m_(m), n_(n), blocks_((m + LANES - 1) / LANES), stride_(n + LANES), g_(g), rows_(rows), columns_(columns),
        memory_(2 * blocks_ * n * LANES + 5 * m * n + 2 * (n + LANES) * LANES + n + 80),
        gt_(memory_.take(blocks_ * n * LANES)), kr_(memory_.take(blocks_ * n * LANES)), kc_(memory_.take(m * n)),
        r_(memory_.take(m * n)), z_(memory_.take(m * n)), p_(memory_.take(m * n)), q_(memory_.take(m * n)),
        buffer_(memory_.take(n * LANES)), back_(memory_.take((n + LANES) * LANES)), seen_(memory_.take(n)) {
    factor_rows();
    factor_columns();
  }

  // Voltages of rows and columns (w, b) at injected currents; returns iterations, sets the relative residual.
  int32_t run(const double* into_rows, const double* into_columns, double tolerance, int32_t most, double* w, double* b,
              double* residual) {
    const int64_t size = m_ * n_;
    double* x = b;
    std::memset(x, 0, sizeof(double) * size);
    reduce(into_rows, into_columns);
    double rz = columns_solve(0.0);
    const double start = rz, goal = tolerance * tolerance * start;
    double beta = 0.0, curvature = through(0.0, beta, x, true);
    int32_t count = 0;
    while (rz > goal && count < most) {
      const double a = curvature > 0.0 ? rz / curvature : 0.0;
      const double next = columns_solve(a);
      ++count;
      if (!(next > goal) || count >= most) {  // no further direction: only x is to be brought up
        for (int64_t i = 0; i < size; ++i) x[i] += a * p_[i];
        rz = next;
        break;
      }
      beta = next / rz;
      rz = next;
      curvature = through(a, beta, x, false);
    }
    complete(into_rows, x, w);
    *residual = start == 0.0 ? 0.0 : std::sqrt(std::fabs(rz) / start);
    return count;
  }

 private:
  void factor_rows() {
    for (int64_t t = 0; t < blocks_; ++t) {
      double* gt = gt_ + t * n_ * LANES;
      double* k = kr_ + t * n_ * LANES;
      double seen[LANES];
      const int64_t first = t * LANES;
      for (int64_t l = 0; l < LANES; ++l) {
        const bool real = first + l < m_;
        seen[l] = real ? rows_.start[first + l] : 0.0;
        for (int64_t j = 0; j < n_; ++j) gt[j * LANES + l] = real ? g_[(first + l) * n_ + j] : 0.0;
      }
      for (int64_t j = 0; j + 1 < n_; ++j)
        for (int64_t l = 0; l < LANES; ++l) {
          const double s = gt[j * LANES + l] + seen[l];
          k[j * LANES + l] = 1.0 / (1.0 + rows_.r * s);
          seen[l] = s * k[j * LANES + l];
        }
      for (int64_t l = 0; l < LANES; ++l) {
        const bool real = first + l < m_;
        const double total = seen[l] + gt[(n_ - 1) * LANES + l] + (real ? rows_.end[first + l] : 0.0);
        const bool dead = !real || rows_.pinned[first + l];
        k[(n_ - 1) * LANES + l] = last_factor(total, dead);
        if (dead)
          for (int64_t j = 0; j + 1 < n_; ++j) k[j * LANES + l] = 0.0;
      }
    }
  }

  void factor_columns() {
    double* seen = seen_;
    for (int64_t j = 0; j < n_; ++j) seen[j] = columns_.start[j];
    for (int64_t i = 0; i + 1 < m_; ++i) {
      const double* g = g_ + i * n_;
      double* k = kc_ + i * n_;
      for (int64_t j = 0; j < n_; ++j) {
        const double s = g[j] + seen[j];
        k[j] = 1.0 / (1.0 + columns_.r * s);
        seen[j] = s * k[j];
      }
    }
    const int64_t last = (m_ - 1) * n_;
    for (int64_t j = 0; j < n_; ++j)
      kc_[last + j] = last_factor(seen[j] + g_[last + j] + columns_.end[j], columns_.pinned[j]);
    for (int64_t j = 0; j < n_; ++j)
      if (columns_.pinned[j])
        for (int64_t i = 0; i < m_; ++i) kc_[i * n_ + j] = 0.0;
  }

  // One block of rows: buffer holds currents on entry, voltages on leaving.
  void row_block(int64_t t) {
    const Vector* __restrict k = reinterpret_cast<const Vector*>(kr_ + t * n_ * LANES);
    Vector* __restrict f = reinterpret_cast<Vector*>(buffer_);
    const double r = rows_.r;
    constexpr int64_t PARTS = LANES / WIDE;
    Vector carried[PARTS] = {};
    for (int64_t j = 0; j < n_; ++j)
      for (int64_t h = 0; h < PARTS; ++h) {
        const Vector c = f[j * PARTS + h] + carried[h];
        f[j * PARTS + h] = c;
        carried[h] = k[j * PARTS + h] * c;
      }
    for (int64_t h = 0; h < PARTS; ++h) f[(n_ - 1) * PARTS + h] = carried[h];
    for (int64_t j = n_ - 2; j >= 0; --j)
      for (int64_t h = 0; h < PARTS; ++h) {
        carried[h] = k[j * PARTS + h] * (carried[h] + r * f[j * PARTS + h]);
        f[j * PARTS + h] = carried[h];
      }
  }

  int64_t lanes(int64_t t) const { return t * LANES + LANES <= m_ ? LANES : m_ - t * LANES; }

  // Right-hand side of the columns: their own currents, and those of the rows seen through them.
  void reduce(const double* into_rows, const double* into_columns) {
    for (int64_t t = 0; t < blocks_; ++t) {
      load(t, into_rows, false);
      row_block(t);
      for (int64_t l = 0; l < lanes(t); ++l) {
        const int64_t at = (t * LANES + l) * n_;
        for (int64_t j = 0; j < n_; ++j)
          r_[at + j] = into_columns[at + j] + g_[at + j] * buffer_[j * LANES + l];
      }
    }
  }

  // A block of rows into the buffer, lines side by side; times the conductances if they are voltages.
  void load(int64_t t, const double* from, bool coupled) {
    double* __restrict f = buffer_;
    const double* __restrict gt = gt_ + t * n_ * LANES;
    const double* first = from + t * LANES * n_;
    const int64_t some = lanes(t), even = some == LANES ? n_ / WIDE * WIDE : 0;
    if (some < LANES) std::memset(f, 0, sizeof(double) * n_ * LANES);
    for (int64_t j = 0; j < even; j += WIDE)
      for (int64_t h = 0; h < LANES; h += WIDE) {
        Vector v[WIDE];
        for (int64_t l = 0; l < WIDE; ++l) v[l] = loaded(first + (h + l) * n_ + j);
        transpose(v);
        for (int64_t l = 0; l < WIDE; ++l) {
          const int64_t at = (j + l) * LANES + h;
          stored(f + at, coupled ? v[l] * loaded(gt + at) : v[l]);
        }
      }
    for (int64_t l = 0; l < some; ++l)
      for (int64_t j = even; j < n_; ++j) {
        const int64_t at = j * LANES + l;
        f[at] = coupled ? first[l * n_ + j] * gt[at] : first[l * n_ + j];
      }
  }

  // Voltages of a block in the buffer, times the conductances, line by line into back_.
  void unload(int64_t t) {
    const double* __restrict gt = gt_ + t * n_ * LANES;
    const double* __restrict f = buffer_;
    double* __restrict back = back_;
    const int64_t even = n_ / WIDE * WIDE;
    for (int64_t j = 0; j < even; j += WIDE)
      for (int64_t h = 0; h < LANES; h += WIDE) {
        Vector v[WIDE];
        for (int64_t l = 0; l < WIDE; ++l) {
          const int64_t at = (j + l) * LANES + h;
          v[l] = loaded(f + at) * loaded(gt + at);
        }
        transpose(v);
        for (int64_t l = 0; l < WIDE; ++l) stored(back + (h + l) * stride_ + j, v[l]);
      }
    for (int64_t j = even; j < n_; ++j)
      for (int64_t l = 0; l < LANES; ++l) back[l * stride_ + j] = f[j * LANES + l] * gt[j * LANES + l];
  }

  // r -= a q; z = inverse of the columns applied to r; returns r.z.
  double columns_solve(double a) {
    double* __restrict carried = seen_;
    for (int64_t j = 0; j < n_; ++j) carried[j] = 0.0;
    for (int64_t i = 0; i < m_; ++i) {
      double* __restrict r = r_ + i * n_;
      double* __restrict z = z_ + i * n_;
      const double* __restrict q = q_ + i * n_;
      const double* __restrict k = kc_ + i * n_;
      if (a != 0.0)
        for (int64_t j = 0; j < n_; ++j) r[j] -= a * q[j];
      for (int64_t j = 0; j < n_; ++j) {
        const double c = r[j] + carried[j];
        z[j] = c;
        carried[j] = k[j] * c;
      }
    }
    double total = 0.0;
    const double rc = columns_.r;
    for (int64_t i = m_ - 1; i >= 0; --i) {
      const double* __restrict r = r_ + i * n_;
      double* __restrict z = z_ + i * n_;
      const double* __restrict k = kc_ + i * n_;
      double sum = 0.0;
      if (i == m_ - 1) {
        for (int64_t j = 0; j < n_; ++j) {
          z[j] = carried[j];
          sum += r[j] * z[j];
        }
      } else {
        for (int64_t j = 0; j < n_; ++j) {
          const double v = k[j] * (carried[j] + rc * z[j]);
          carried[j] = v;
          z[j] = v;
          sum += r[j] * v;
        }
      }
      total += sum;
    }
    return total;
  }

  // x += a p; p = z + beta p; q = r - G W G z + beta q; returns p.q.
  double through(double a, double beta, double* x_all, bool first) {
    double total = 0.0;
    for (int64_t t = 0; t < blocks_; ++t) {
      load(t, z_, true);
      row_block(t);
      unload(t);
      for (int64_t l = 0; l < lanes(t); ++l) {
        const double* __restrict taken = back_ + l * stride_;
        const int64_t at = (t * LANES + l) * n_;
        double* __restrict x = x_all + at;
        double* __restrict p = p_ + at;
        double* __restrict q = q_ + at;
        const double* __restrict z = z_ + at;
        const double* __restrict r = r_ + at;
        double sum = 0.0;
        if (first) {
          for (int64_t j = 0; j < n_; ++j) {
            p[j] = z[j];
            q[j] = r[j] - taken[j];
            sum += p[j] * q[j];
          }
        } else {
          for (int64_t j = 0; j < n_; ++j) {
            x[j] += a * p[j];
            p[j] = z[j] + beta * p[j];
            q[j] = r[j] - taken[j] + beta * q[j];
            sum += p[j] * q[j];
          }
        }
        total += sum;
      }
    }
    return total;
  }

  void complete(const double* into_rows, const double* x, double* w) {
    for (int64_t t = 0; t < blocks_; ++t) {
      load(t, x, true);
      for (int64_t l = 0; l < lanes(t); ++l) {
        const int64_t at = (t * LANES + l) * n_;
        for (int64_t j = 0; j < n_; ++j) buffer_[j * LANES + l] += into_rows[at + j];
      }
      row_block(t);
      for (int64_t l = 0; l < lanes(t); ++l) {
        const int64_t at = (t * LANES + l) * n_;
        for (int64_t j = 0; j < n_; ++j) w[at + j] = buffer_[j * LANES + l];
      }
    }
  }

  int64_t m_, n_, blocks_, stride_;
  const double* g_;
  Plane rows_, columns_;
  Memory memory_;
  double *gt_, *kr_, *kc_, *r_, *z_, *p_, *q_, *buffer_, *back_, *seen_;
};

using F64 = ffi::Buffer<ffi::F64>;
using Flags = ffi::Buffer<ffi::PRED>;

ffi::Error Solve(F64 g, F64 r, F64 row_start, F64 row_end, Flags row_pinned, F64 column_start, F64 column_end,
                 Flags column_pinned, F64 into_rows, F64 into_columns, F64 tolerance, int64_t most,
                 ffi::ResultBuffer<ffi::F64> rows, ffi::ResultBuffer<ffi::F64> columns,
                 ffi::ResultBuffer<ffi::S32> iterations, ffi::ResultBuffer<ffi::F64> residual) {
  const auto shape = g.dimensions();
  if (shape.size() != 2) return ffi::Error::InvalidArgument("the conductances are no matrix");
  const int64_t m = shape[0], n = shape[1], batch = into_rows.element_count() / (m * n);
  try {
    const double* segments = r.typed_data();
    Solver solver(m, n, g.typed_data(),
                  {segments[0], row_start.typed_data(), row_end.typed_data(), row_pinned.typed_data()},
                  {segments[1], column_start.typed_data(), column_end.typed_data(), column_pinned.typed_data()});
    for (int64_t b = 0; b < batch; ++b) {
      const int64_t at = b * m * n;
      iterations->typed_data()[b] =
          solver.run(into_rows.typed_data() + at, into_columns.typed_data() + at, tolerance.typed_data()[0],
                     static_cast<int32_t>(most), rows->typed_data() + at, columns->typed_data() + at,
                     residual->typed_data() + b);
    }
  } catch (const std::bad_alloc&) {
    return ffi::Error(ffi::ErrorCode::kResourceExhausted, "no memory for the arrays of the crossbar solver");
  }
  return ffi::Error::Success();
}

}  // namespace

XLA_FFI_DEFINE_HANDLER_SYMBOL(MhoCrossbar, Solve,
                              ffi::Ffi::Bind()
                                  .Arg<F64>()
                                  .Arg<F64>()
                                  .Arg<F64>()
                                  .Arg<F64>()
                                  .Arg<Flags>()
                                  .Arg<F64>()
                                  .Arg<F64>()
                                  .Arg<Flags>()
                                  .Arg<F64>()
                                  .Arg<F64>()
                                  .Arg<F64>()
                                  .Attr<int64_t>("most")
                                  .Ret<F64>()
                                  .Ret<F64>()
                                  .Ret<ffi::Buffer<ffi::S32>>()
                                  .Ret<F64>());
