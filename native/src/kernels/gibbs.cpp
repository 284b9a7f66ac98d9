#include "pairloom/gibbs.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "fm_batch.hpp"
#include "pairloom/cpu.hpp"
#include "pairloom/thread_pool.hpp"

namespace pairloom {

extern const GibbsKernels gibbs_level_portable;
#if defined(PAIRLOOM_X86_LEVELS)
extern const GibbsKernels gibbs_level_x86_64_v2, gibbs_level_x86_64_v3, gibbs_level_x86_64_v4;
#endif

const GibbsKernels& gibbs_kernels(std::string_view level) {
  const auto available = available_levels();
  const std::string_view wanted = level.empty() ? available.front() : level;
  if (std::find(available.begin(), available.end(), wanted) == available.end()) {
    throw std::invalid_argument("this processor or build has no level '" + std::string(wanted) + "'");
  }
#if defined(PAIRLOOM_X86_LEVELS)
  if (wanted == "x86-64-v4") return gibbs_level_x86_64_v4;
  if (wanted == "x86-64-v3") return gibbs_level_x86_64_v3;
  if (wanted == "x86-64-v2") return gibbs_level_x86_64_v2;
#endif
  return gibbs_level_portable;
}

namespace {

constexpr std::size_t moments_limit_floats = std::size_t{1} << 26;

std::size_t chunk_width(std::size_t n) { return n <= 4 ? 4 : (n <= 8 ? 8 : 16); }

// Whole chunks of 16 factors, then one as wide as the rest needs; or all of them narrow.
std::vector<GibbsChunk> chunks_of(std::size_t n_factors, bool narrow) {
  std::vector<GibbsChunk> chunks;
  const std::size_t widest = narrow ? 4 : 16;
  for (std::size_t first = 0; first < n_factors; first += widest) {
    const std::size_t n = std::min(widest, n_factors - first);
    chunks.push_back({first, n, narrow ? 4 : chunk_width(n)});
  }
  return chunks;
}

}  // namespace

struct GibbsRowSet::Term {
  const std::int32_t* index;
  const float* values;
  bool is_block;
  std::size_t n_groups, first_column;
  std::int32_t prior = 0;
  const std::int32_t* prior_of = nullptr;
  BlockColumns columns{};
  std::vector<std::int64_t> run_starts, run_group_starts;
  std::vector<std::int32_t> run_groups;
  std::vector<float> run_values;
  std::vector<std::int64_t> starts;
  std::vector<std::int32_t> order;
  std::vector<float> ordered_values;
  std::vector<std::size_t> pieces;  // of groups, about equal in rows
  // By other term, in this term's order.
  std::vector<std::vector<std::int32_t>> other_indices;
  std::vector<std::vector<float>> other_values;
  // Blocks only.
  std::vector<float> table, steps, shifts, own_scores;
  std::vector<float> moments, state, normals;
  bool narrow = false;
};

std::size_t GibbsRowSet::stride(std::size_t n_factors) {
  return n_factors / 16 * 16 + (n_factors % 16 == 0 ? 0 : chunk_width(n_factors % 16));
}

GibbsRowSet::GibbsRowSet(std::size_t n_rows, std::size_t n_factors, const float* root_weights,
                         const GibbsKernels& kernels, std::size_t n_threads, bool stored_sums)
    : n_rows_(n_rows), n_factors_(n_factors), stride_(stride(n_factors)), n_threads_(n_threads),
      root_weights_(root_weights), kernels_(kernels), stored_sums_(stored_sums) {}

GibbsRowSet::~GibbsRowSet() = default;

namespace {

// Orders rows by group; ties keep their order.
void group_rows(const std::int32_t* index, std::size_t n_rows, std::size_t n_groups, std::vector<std::int64_t>& starts,
                std::vector<std::int32_t>& order) {
  starts.assign(n_groups + 1, 0);
  for (std::size_t r = 0; r < n_rows; ++r) {
    if (index[r] >= 0) ++starts[static_cast<std::size_t>(index[r]) + 1];
  }
  for (std::size_t g = 0; g < n_groups; ++g) starts[g + 1] += starts[g];
  order.resize(static_cast<std::size_t>(starts[n_groups]));
  std::vector<std::int64_t> next(starts.begin(), starts.end() - 1);
  for (std::size_t r = 0; r < n_rows; ++r) {
    if (index[r] >= 0) {
      order[static_cast<std::size_t>(next[static_cast<std::size_t>(index[r])]++)] = static_cast<std::int32_t>(r);
    }
  }
}

std::vector<std::size_t> pieces_of(const std::vector<std::int64_t>& starts, std::size_t n_pieces) {
  const std::size_t n_groups = starts.size() - 1;
  std::vector<std::size_t> pieces{0};
  for (std::size_t p = 1; p < n_pieces; ++p) {
    const auto wanted = static_cast<std::int64_t>(p) * starts[n_groups] / static_cast<std::int64_t>(n_pieces);
    const auto at = std::lower_bound(starts.begin(), starts.end(), wanted) - starts.begin();
    const std::size_t group = std::min(static_cast<std::size_t>(at), n_groups);
    if (group > pieces.back()) pieces.push_back(group);
  }
  if (n_groups > pieces.back()) pieces.push_back(n_groups);
  return pieces;
}

}  // namespace

// Cuts columns into runs of which every group holds all its columns with one value. Of runs of ones, groups need no
// scaling and are not listed.
void GibbsRowSet::find_runs(const std::int64_t* starts, const std::int32_t* groups, const float* values,
                            std::size_t n_columns, std::size_t n_groups, Term& term) {
  std::vector<float> held(n_groups, 0.0F);
  std::vector<std::int32_t> members;
  const auto close = [&](std::size_t column) {
    const bool ones = std::all_of(members.begin(), members.end(),
                                  [&](std::int32_t g) { return held[static_cast<std::size_t>(g)] == 1.0F; });
    for (const std::int32_t g : members) {
      if (!ones) {
        term.run_groups.push_back(g);
        term.run_values.push_back(held[static_cast<std::size_t>(g)]);
      }
      held[static_cast<std::size_t>(g)] = 0;
    }
    members.clear();
    term.run_starts.push_back(static_cast<std::int64_t>(column));
    term.run_group_starts.push_back(static_cast<std::int64_t>(term.run_groups.size()));
  };
  term.run_starts.push_back(0);
  term.run_group_starts.push_back(0);
  for (std::size_t i = 0; values != nullptr && i < n_columns; ++i) {
    const bool fits = std::all_of(groups + starts[i], groups + starts[i + 1], [&](const std::int32_t& g) {
      const float before = held[static_cast<std::size_t>(g)];
      return before == 0.0F || before == values[&g - groups];
    });
    if (!fits) close(i);
    for (auto p = starts[i]; p < starts[i + 1]; ++p) {
      float& value = held[static_cast<std::size_t>(groups[p])];
      if (value == 0.0F) members.push_back(groups[p]);
      value = values[p];
    }
  }
  close(n_columns);
}

void GibbsRowSet::add_field(const std::int32_t* index, const float* values, std::size_t n_columns,
                            std::size_t first_column, std::int32_t prior) {
  auto term = std::make_unique<Term>();
  term->index = index;
  term->values = values;
  term->is_block = false;
  term->n_groups = n_columns;
  term->first_column = first_column;
  term->prior = prior;
  terms_.push_back(std::move(term));
}

void GibbsRowSet::add_block(const std::int32_t* index, std::size_t n_groups, const std::int64_t* starts,
                            const std::int32_t* groups, const float* values, std::size_t n_columns,
                            std::size_t first_column, const std::int32_t* prior_of) {
  auto term = std::make_unique<Term>();
  term->index = index;
  term->values = nullptr;
  term->is_block = true;
  term->n_groups = n_groups;
  term->first_column = first_column;
  term->prior_of = prior_of;
  find_runs(starts, groups, values, n_columns, n_groups, *term);
  term->columns = {starts, groups, values, n_columns, n_groups, term->run_starts.data(), term->run_group_starts.data(),
                   term->run_groups.data(), term->run_values.data(), term->run_starts.size() - 1};
  term->table.resize(n_groups * stride_ + 16);
  term->own_scores.resize(n_groups);
  terms_.push_back(std::move(term));
}

// What a sweep needs of every term beyond what a score does.
void GibbsRowSet::link_terms() {
  if (linked_) return;
  linked_ = true;
  for (auto& term : terms_) {
    group_rows(term->index, n_rows_, term->n_groups, term->starts, term->order);
    term->pieces = pieces_of(term->starts, n_threads_ <= 1 ? 1 : 8 * n_threads_);
    if (term->values != nullptr) {
      term->ordered_values.resize(term->order.size());
      for (std::size_t j = 0; j < term->order.size(); ++j) {
        term->ordered_values[j] = term->values[static_cast<std::size_t>(term->order[j])];
      }
    }
    if (term->is_block) {
      const auto widest = chunks_of(n_factors_, false).front();
      const std::size_t size = BlockMoments::size(widest);
      term->narrow = term->n_groups * size > std::max(moments_limit_floats, 16 * n_rows_);
      term->steps.resize(term->n_groups * 16);
      term->shifts.resize(term->n_groups);
      term->moments.resize(term->n_groups * (term->narrow ? BlockMoments::size({0, 4, 4}) : size));
      term->state.resize(8 * term->n_groups);
      term->normals.resize(term->columns.n_columns * 16);
    }
  }
  if (stored_sums_) {
    const bool narrow = std::any_of(terms_.begin(), terms_.end(), [](const auto& term) { return term->narrow; });
    for (auto& term : terms_) term->narrow = narrow;
    return;
  }
  for (auto& term : terms_) {
    for (const auto& other : terms_) {
      auto& indices = term->other_indices.emplace_back();
      auto& values = term->other_values.emplace_back();
      if (other == term) continue;
      indices.resize(term->order.size());
      if (other->values != nullptr) values.resize(term->order.size());
      for (std::size_t j = 0; j < term->order.size(); ++j) {
        const auto row = static_cast<std::size_t>(term->order[j]);
        indices[j] = other->index[row];
        if (other->values != nullptr) values[j] = other->values[row];
      }
    }
  }
}

const float* GibbsRowSet::table_of(const Term& term, const float* factors) const {
  return term.is_block ? term.table.data() : factors + term.first_column * stride_;
}

// Sums of a block's groups over the columns that they hold: of factors, and of the terms of the score among them.
void GibbsRowSet::fill_table(Term& term, const float* factors) {
  std::fill(term.table.begin(), term.table.end(), 0.0F);
  kernels_.block_table(term.columns, factors + term.first_column * stride_, stride_, term.table.data());
}

void GibbsRowSet::fill_own_scores(Term& term, const float* linear, const float* factors) {
  const BlockColumns& c = term.columns;
  const auto square_of = [&](const float* v) {
    double square = 0;
    for (std::size_t f = 0; f < n_factors_; ++f) square += static_cast<double>(v[f]) * static_cast<double>(v[f]);
    return square;
  };
  std::vector<double> totals(term.n_groups, 0.0);
  for (std::size_t i = 0; i < c.n_columns; ++i) {
    const double square = square_of(factors + (term.first_column + i) * stride_);
    const auto weight = static_cast<double>(linear[term.first_column + i]);
    for (auto p = c.starts[i]; p < c.starts[i + 1]; ++p) {
      const double x = c.values != nullptr ? static_cast<double>(c.values[p]) : 1.0;
      totals[static_cast<std::size_t>(c.groups[p])] += x * weight - 0.5 * x * x * square;
    }
  }
  for (std::size_t g = 0; g < term.n_groups; ++g) {
    term.own_scores[g] = static_cast<float>(totals[g] + 0.5 * square_of(term.table.data() + g * stride_));
  }
}

void GibbsRowSet::scores(const float* linear, const float* factors, double* out) {
  std::vector<ScoredTerm> scored;
  for (auto& term : terms_) {
    if (term->is_block) {
      fill_table(*term, factors);
      fill_own_scores(*term, linear, factors);
    }
    scored.push_back({term->index, term->values, table_of(*term, factors),
                      term->is_block ? term->own_scores.data() : linear + term->first_column});
  }
  constexpr std::size_t piece = 1024;
  parallel_for((n_rows_ + piece - 1) / piece, n_threads_, [&](std::size_t p) {
    kernels_.scores({scored.data(), scored.size(), stride_, p * piece, std::min(n_rows_, (p + 1) * piece), out});
  });
}

void GibbsRowSet::sum_terms(const GibbsChunk& chunk, const float* factors, float* sums) {
  constexpr std::size_t piece = 4096;
  parallel_for((n_rows_ + piece - 1) / piece, n_threads_, [&](std::size_t p) {
    const std::size_t end = std::min(n_rows_, (p + 1) * piece);
    for (std::size_t r = p * piece; r < end; ++r) {
      float* to = sums + r * chunk.width;
      std::fill(to, to + chunk.width, 0.0F);
      for (const auto& term : terms_) {
        if (term->index[r] < 0) continue;
        const float x = term->values != nullptr ? term->values[r] : 1.0F;
        const float* q = table_of(*term, factors) + static_cast<std::size_t>(term->index[r]) * stride_ + chunk.first;
        for (std::size_t f = 0; f < chunk.width; ++f) to[f] += x * q[f];
      }
    }
  });
}

void GibbsRowSet::sweep(float* residuals, float* linear, float* factors, const GibbsPriors& priors,
                        const GibbsStep& step) {
  link_terms();
  for (auto& term : terms_) {
    if (term->is_block) fill_table(*term, factors);
  }
  if (!stored_sums_) {
    for (auto& term : terms_) {
      for (const GibbsChunk& chunk : chunks_of(n_factors_, term->narrow)) {
        sweep_term(*term, chunk, residuals, linear, factors, nullptr, priors, step);
      }
    }
    return;
  }
  const auto chunks = chunks_of(n_factors_, terms_.front()->narrow);
  AlignedFloats sums(n_rows_ * chunks.front().width);
  for (const GibbsChunk& chunk : chunks) {
    sum_terms(chunk, factors, sums.data());
    for (auto& term : terms_) sweep_term(*term, chunk, residuals, linear, factors, sums.data(), priors, step);
  }
}

void GibbsRowSet::sweep_term(Term& term, const GibbsChunk& chunk, float* residuals, float* linear, float* factors,
                             float* sums, const GibbsPriors& priors, const GibbsStep& step) {
  std::vector<GibbsOther> others;
  for (std::size_t o = 0; o < term.other_indices.size(); ++o) {
    if (terms_[o].get() == &term) continue;
    others.push_back({table_of(*terms_[o], factors), term.other_indices[o].data(),
                      term.other_values[o].empty() ? nullptr : term.other_values[o].data()});
  }
  const GibbsRows rows{term.starts.data(), term.order.data(),
                       term.ordered_values.empty() ? nullptr : term.ordered_values.data(), root_weights_, residuals,
                       others.data(), others.size(), sums, table_of(term, factors), stride_};
  const auto prior_at = [&](std::size_t p) {
    return GibbsPrior{priors.means + p * stride_, priors.precisions + p * stride_, priors.linear_means[p],
                      priors.linear_precisions[p]};
  };
  float* own_linear = linear + term.first_column;
  float* own_factors = factors + term.first_column * stride_;
  const float noise = step.draws ? 1.0F : 0.0F;
  const std::size_t n_pieces = term.pieces.size() - 1;
  if (!term.is_block) {
    parallel_for(n_pieces, n_threads_, [&](std::size_t p) {
      AlignedFloats scratch(field_scratch);
      kernels_.field({rows, term.pieces[p], term.pieces[p + 1], chunk, own_factors,
                      chunk.first == 0 ? own_linear : nullptr, prior_at(static_cast<std::size_t>(term.prior)),
                      step.noise_precision, noise, step.key, term.first_column, scratch.data()});
    });
    return;
  }
  const BlockMoments moments{term.moments.data(), chunk};
  const auto over_rows = [&](void (*kernel)(const BlockRowsArguments&)) {
    parallel_for(n_pieces, n_threads_, [&](std::size_t p) {
      AlignedFloats scratch(field_scratch);
      kernel({rows, term.pieces[p], term.pieces[p + 1], moments, term.steps.data(), term.shifts.data(),
              scratch.data()});
    });
  };
  over_rows(kernels_.block_moments);
  const std::size_t n_columns = term.columns.n_columns;
  std::vector<GibbsPrior> all_priors;
  const std::int32_t n_priors = n_columns == 0 ? 0 : *std::max_element(term.prior_of, term.prior_of + n_columns) + 1;
  for (std::int32_t p = 0; p < n_priors; ++p) all_priors.push_back(prior_at(static_cast<std::size_t>(p)));
  const auto draw = [&](std::uint32_t first, std::size_t n, std::size_t width) {
    if (!step.draws) return;
    for (std::size_t i = 0; i < n_columns; ++i) {
      kernels_.normals(step.key, term.first_column + i, first, n, term.normals.data() + i * width);
    }
  };
  BlockColumnsArguments a{term.columns, moments, 0, own_factors, stride_, own_linear, term.table.data(),
                          term.steps.data(), term.shifts.data(), term.prior_of, all_priors.data(),
                          step.noise_precision, noise, term.normals.data(), term.state.data()};
  std::fill(term.shifts.begin(), term.shifts.end(), 0.0F);
  std::fill(term.steps.begin(), term.steps.end(), 0.0F);
  if (chunk.first == 0) {
    draw(0, 1, 1);
    kernels_.block_linear(a);
  }
  draw(static_cast<std::uint32_t>(1 + chunk.first), chunk.n, chunk.width);
  for (a.factor = 0; a.factor < chunk.n; ++a.factor) kernels_.block_factor(a);
  over_rows(kernels_.block_residuals);
  for (std::size_t g = 0; g < term.n_groups; ++g) {
    float* q = term.table.data() + g * stride_ + chunk.first;
    for (std::size_t f = 0; f < chunk.n; ++f) q[f] += term.steps[g * chunk.width + f];
  }
}

}  // namespace pairloom
