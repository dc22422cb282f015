"""Disentangling who speaks from what is said: recordings through a narrow code of every few frames,
normed within the recording, and one style of few numbers.

After Chou et al. 2019, "One-shot voice conversion by separating speaker and content representations
with instance normalization" (AdaIN-VC, arXiv 1904.05742), with the adversary of Chou et al. 2018
(arXiv 1804.02812) through reversed gradients. A decoder that hears what is said in the code alone,
and who says it in the style alone, says it in another style too.

Letters: B recordings, T frames of all of them end to end, P frames that the styles are heard in, C
codes of all recordings, M mel bands, K numbers of a code, S of a style, D width, V speakers.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from sslcli.api import (
    Artifact,
    Batch,
    Config,
    Context,
    Corpus,
    Count,
    Group,
    Inputs,
    Loss,
    ModelBatch,
    Objective,
    Packing,
    Ratio,
    Report,
    Rng,
    Sample,
    SampleRng,
    Transformer,
    at_least_float32,
    frame_tables,
    setting,
)
from sslplugins.objectives.disentangle.clips import Clips, Pools
from sslplugins.objectives.disentangle.networks import (
    Adversary,
    StyledDecoder,
    StyleEncoder,
    reversed_gradient,
)
from sslplugins.objectives.disentangle.speaking import Conversion, Recording, recordings
from sslplugins.objectives.sound.telling import FrameTeller

STYLE = "style"  # the stream of frames that a style is heard in
SPEAKER = "speaker"  # the field of a sample: the number of its speaker, -1 for none
LEAST = 1e-1  # deviation of a band within a recording, beside which nothing is divided


@dataclass(frozen=True)
class VoicedBatch(ModelBatch):
    """`inputs` are frames normed within their recordings, `frames_TM` as they are.

    `style_PM`, `style_packing`: the frames that each recording's style is heard in. `speakers_B`:
    -1 where nobody is named. `noise_CK`: standard normal numbers.
    """

    frames_TM: Tensor
    style_PM: Tensor
    style_packing: Packing
    speakers_B: Tensor
    noise_CK: Tensor


class Disentangle(Objective[VoicedBatch, "Disentangle.Options"]):
    """Reconstruct recordings from a code without a speaker and a style that is the speaker's."""

    class Options(Config):
        code: int = setting(12, "numbers of a code", "--code", gt=0, le=256)
        codes: Literal["numbers", "bits"] = setting(
            "numbers",
            "what a code is made of: numbers, or their signs, which say far less of a voice",
            "--codes",
        )
        every: int = setting(4, "frames that one code stands for", "--every", gt=0, le=64)
        code_noise: float = setting(
            0.3, "deviation of normal noise on each number of a code, which itself has 1", ge=0
        )
        style: int = setting(
            4, "numbers of a style; more of them than a voice needs say what is said too",
            "--style", gt=0, le=64,
        )  # fmt: skip
        style_clips: Count = setting(
            4,
            "other recordings of the same folder that a style is heard in; 0, or where folders tell"
            " nobody apart: the recording itself",
            ge=0,
            le=64,
        )
        spread: float = setting(
            0.5,
            "weight of the difference between how much each band varies in a recording and in its"
            " reconstruction, without which that is blurred; 0: it may be",
            ge=0,
        )
        adversary: float = setting(
            1.0,
            "weight of the speaker's being guessed from codes, which these learn to prevent; it"
            " grows from 0 with the training; 0: nobody guesses",
            "--adversary",
            ge=0,
        )
        adversary_rate: float = setting(
            3.0, "learning rate of who guesses, times that of all others", gt=0
        )
        decoder_depth: int = setting(
            2,
            "layers of the decoder at the pace of codes, and again at that of frames",
            gt=0,
            le=32,
        )
        decoder_width: int = setting(
            128, "features of the decoder and of the style's network", gt=0
        )
        speakers: tuple[str, ...] = setting(
            (), "names of the folders that are speakers; those of the training data when not given"
        )

    Request = Conversion
    generates = "recordings of what one says (--content) in the voice of another (--style)"
    request_example = "--content A.wav --style B.wav --out DIR"

    summary = "recordings through codes without a speaker, and a style (AdaIN-VC); converts voices"
    loss_unit = "nats a band"
    architectures = frozenset({"encoder"})
    modalities = frozenset({"sound"})
    arranges = "items"

    @classmethod
    def resolve_options(cls, options: Options, corpus: Corpus) -> Options:
        """Speakers are the folders of the training data, where there are two at least."""
        if options.speakers:
            return options
        labels = corpus.labels_of(corpus.spans[:, 0])
        names = tuple(sorted({label for label in labels if label is not None}))
        return options.model_copy(update={"speakers": names if len(names) > 1 else ()})

    def __init__(self, options: Options, context: Context) -> None:
        super().__init__(options, context)
        shape, bands = context.architecture, context.architecture.row_features
        self.tell_code = nn.Linear(shape.width, options.code)
        self.hear_style = StyleEncoder(bands, options.decoder_width, options.style)
        self.decoder = FrameTeller(
            StyledDecoder(
                options.code,
                options.style,
                options.decoder_width,
                options.decoder_depth,
                bands,
                options.every,
            ),
            bands,
        )
        self.adversary = None
        if options.adversary and len(options.speakers) > 1:
            self.adversary = Adversary(options.code, len(options.speakers))
        self._clips_of: list[tuple[Corpus, dict[str, np.ndarray]]] = []

    def begin(self, backbone: Transformer, first_batch: Callable[[], VoicedBatch]) -> None:
        """Frames are told around the mean frame of the first batch."""
        self.decoder.begin(first_batch().frames_TM)

    def remarks_on(self, corpus: Corpus, rows_NK: np.ndarray) -> Sequence[str]:
        """Say so where nothing tells speakers apart, and what is then left."""
        if len(self.options.speakers) > 1:
            return ()
        return [
            "no two folders tell speakers apart: nobody guesses them from codes, and each style is"
            " heard in its own recording; a folder a speaker changes that"
        ]

    def sample(self, corpus: Corpus, row: np.ndarray, rng: SampleRng) -> Sample:
        """A recording, with others of the same speaker in its stream for the style."""
        (document,) = row.tolist()
        frames, speaker = corpus.array(document), corpus.label_of(document)
        heard = [frames]
        if speaker in self.options.speakers and self.options.style_clips:
            of_speaker = self._documents(corpus)[speaker]
            others = of_speaker[of_speaker != document]
            some = min(self.options.style_clips, len(others))
            if some:
                chosen = rng.generator("style").choice(others, some, replace=False)
                heard = [corpus.array(int(other)) for other in chosen]
        names = self.options.speakers
        return Sample(
            rows=frames,
            fields={SPEAKER: names.index(speaker) if speaker in names else -1},
            streams={STYLE: Sample(rows=np.concatenate(heard))},
        )

    def _documents(self, corpus: Corpus) -> dict[str, np.ndarray]:
        """The recordings of each speaker that are among this corpus's own: none that is held out of
        it.
        """
        for known, found in self._clips_of:
            if known is corpus:
                return found
        documents = np.asarray(corpus.spans[:, 0], dtype=np.int64)
        labels = np.asarray([name or "" for name in corpus.labels_of(documents)])
        found = {name: documents[labels == name] for name in self.options.speakers}
        self._clips_of.append((corpus, found))
        return found

    def collate(self, batch: Batch, rng: Rng) -> VoicedBatch:
        options, style = self.options, batch[STYLE]
        codes_B = -(-batch.lengths // options.every)
        numbers_C = np.repeat(batch.numbers, codes_B)
        starts_B = np.cumsum(codes_B) - codes_B
        places_C = np.arange(len(numbers_C)) - np.repeat(starts_B, codes_B)
        keys_CK = places_C[:, None] * options.code + np.arange(options.code)
        noise_CK = np.zeros(keys_CK.shape, dtype=np.float32)
        if options.code_noise:
            radius_CK, turn_CK = (
                rng.uniform(name, numbers_C[:, None], keys_CK) for name in ("radius", "turn")
            )
            noise_CK = np.sqrt(-2 * np.log1p(-radius_CK)) * np.cos(2 * np.pi * turn_CK)
        return VoicedBatch(
            normed_inputs(Inputs.of(batch)),
            {"disentangle": batch.values.size, "spread": len(batch) * batch.values.shape[1]},
            torch.from_numpy(batch.values),
            torch.from_numpy(style.values),
            Packing.of(style.lengths),
            torch.from_numpy(batch.fields[SPEAKER].astype(np.int64)),
            torch.from_numpy(noise_CK.astype(np.float32)),
        )

    def code_of(self, backbone: Transformer, inputs: Inputs) -> tuple[Tensor, Pools]:
        """The codes [C, K] of normed recordings, and where they lie."""
        clean_CK, _, pools = self._codes(backbone, inputs, None)
        return clean_CK, pools

    def _codes(
        self, backbone: Transformer, inputs: Inputs, noise_CK: Tensor | None
    ) -> tuple[Tensor, Tensor, Pools]:
        """Codes as they are and as the decoder gets them, each number of mean 0 and deviation 1
        within a recording, or the sign of that with the number's gradient; and where they lie.
        """
        pools = Pools.of(inputs.packing, self.options.every)
        clean_CK = pools.codes.normed(self.tell_code(pools.mean(backbone(inputs).last_TD)))
        noisy_CK = clean_CK
        if noise_CK is not None:
            noisy_CK = clean_CK + self.options.code_noise * noise_CK.to(clean_CK.dtype)
        if self.options.codes == "numbers":
            return clean_CK, noisy_CK, pools
        clean_CK, noisy_CK = (x + (_signs(x) - x).detach() for x in (clean_CK, noisy_CK))
        return clean_CK, noisy_CK, pools

    def style_of(self, frames_PM: Tensor, packing: Packing) -> Tensor:
        """The style [B, S] of recordings as they are."""
        scaled_PM = (frames_PM - self.decoder.mean_M) / self.decoder.deviation_M
        return at_least_float32(self.hear_style(scaled_PM, packing))

    def frames_of(self, code_CK: Tensor, style_BS: Tensor, pools: Pools) -> Tensor:
        """The frames [T, M] of codes in styles."""
        return self.decoder(code_CK, style_BS, pools)

    def forward(self, backbone: Transformer, batch: VoicedBatch) -> Loss:
        """The absolute error of all bands; the adversary's loss is in the gradient alone."""
        noise_CK = batch.noise_CK if batch.progress < 1 else None
        clean_CK, code_CK, pools = self._codes(backbone, batch.inputs, noise_CK)
        style_BS = self.style_of(batch.style_PM, batch.style_packing)
        told_TM = self.frames_of(code_CK, style_BS, pools)
        error, metrics = (told_TM - batch.frames_TM).abs().sum(), {}
        wanted_BM, found_BM = (
            pools.rows.deviations(each_TM) for each_TM in (batch.frames_TM, told_TM)
        )
        spread = self.options.spread * (found_BM - wanted_BM).abs().sum()
        if self.adversary is not None:
            weight = self.options.adversary * batch.progress
            told_CV = at_least_float32(
                self.adversary(reversed_gradient(clean_CK, weight), pools.codes)
            )
            right_C = batch.speakers_B.repeat_interleave(
                pools.codes.packing.starts_B1.long().diff(), output_size=len(code_CK)
            )
            guessed = cross_entropy(told_CV, right_C, ignore_index=-1, reduction="sum")
            count = (right_C >= 0).sum()
            metrics["speaker_told"] = Ratio((told_CV.argmax(dim=1) == right_C).sum(), count)
            metrics["speaker_cross_entropy"] = Ratio(guessed, count)
            # a code has the gradient of so many numbers; of the value nothing is left, which thus
            # stands beside what needs no learning
            numbers = self.options.every * batch.frames_TM.shape[1]
            error = error + numbers * (guessed - guessed.detach())
        return Loss({"disentangle": error, "spread": spread}, metrics)

    def codes_along(self, backbone: Transformer, inputs: Inputs) -> Sequence[Tensor]:
        """The codes [c, K] of each recording."""
        code_CK, pools = self.code_of(backbone, normed_inputs(inputs))
        return code_CK.split(pools.codes.packing.lengths)

    def styles(self, inputs: Inputs) -> Tensor:
        """The style [B, S] of each recording."""
        return self.style_of(inputs.ready_TF, inputs.packing)

    def converted(self, backbone: Transformer, inputs: Inputs, style_S: Tensor) -> Tensor:
        """Frames [T, M] of the recordings' codes in this style."""
        code_CK, pools = self.code_of(backbone, normed_inputs(inputs))
        style_BS = style_S.expand(len(inputs.packing.lengths), -1)
        return self.frames_of(code_CK, style_BS, pools)

    @torch.no_grad()
    def generate(self, backbone: Transformer, request: Conversion, rng: Rng) -> Iterator[Artifact]:
        """Yield each recording in the voice of the others, then what is made of its own frames and
        of those of the first of the voice: no conversion can sound better than these.
        """
        frames = self.context.architecture.frames
        said = recordings(request.content, frames)
        heard = recordings(request.style, frames)
        device = self.decoder.mean_M.device
        inputs = Inputs.pack([rows for each in heard for rows in each.segments], device=device)
        lengths_B = torch.tensor(inputs.packing.lengths).to(self.decoder.mean_M)
        style_S = lengths_B @ self.styles(inputs) / lengths_B.sum()
        for each in said:
            inputs = Inputs.pack(list(each.segments), device=device)
            rows_TM = self.converted(backbone, inputs, style_S).float().cpu().numpy()
            yield self._artifact(each, "converted", rows_TM)
        for each, role in (*((each, "content") for each in said), (heard[0], "style")):
            yield self._artifact(each, f"{role}-copy", np.concatenate(each.segments))

    def _artifact(self, recording: Recording, role: str, rows_TM: np.ndarray) -> Artifact:
        details = {"name": f"{recording.file.stem}-{role}", "of": str(recording.file)}
        frames = self.context.architecture.frames
        return Artifact("", rows=rows_TM, frames=frames, details=details)

    def groups(self) -> Sequence[Group]:
        """Who guesses learns faster than who is guessed at."""
        if self.adversary is None:
            return ()
        return [Group("learnable.adversary.*", rate=self.options.adversary_rate)]

    def baseline_losses(
        self, train: Sequence[np.ndarray], held_out: Sequence[VoicedBatch]
    ) -> Mapping[str, float]:
        """The mean frame of training, of each recording itself, and of those its style is heard
        in.
        """
        mean_M = np.concatenate(train).mean(axis=0)
        errors = {"mean frame": 0.0, "its own mean frame": 0.0, "mean frame of the style": 0.0}
        count = 0
        for batch in held_out:
            clips, styles = Clips.of(batch.inputs.packing), Clips.of(batch.style_packing)
            own_TM = clips.spread(clips.means(batch.frames_TM))
            style_TM = clips.spread(styles.means(batch.style_PM))
            for name, told in zip(
                errors, (torch.from_numpy(mean_M), own_TM, style_TM), strict=True
            ):
                errors[name] += float((batch.frames_TM - told).abs().double().sum())
            count += batch.frames_TM.numel()
        return {name: error / max(count, 1) for name, error in errors.items()}

    def show(self, batch: VoicedBatch) -> Report:
        """Recordings in characters, as they are and as the code reads them."""
        rows = {"as it is": batch.frames_TM.numpy(), "normed": batch.inputs.ready_TF.numpy()}
        return Report(
            "recordings as codes and style",
            tables=frame_tables(rows, batch.inputs.packing.lengths),
            notes=[],
        )


def _signs(x: Tensor) -> Tensor:
    """1 where a number is above 0, else -1."""
    return torch.where(x > 0, 1.0, -1.0).to(x.dtype)


def normed_inputs(inputs: Inputs) -> Inputs:
    """Recordings with each band around its mean within the recording, in its deviations."""
    clips, frames_TM = Clips.of(inputs.packing), inputs.ready_TF
    apart_TM = frames_TM - clips.spread(clips.means(frames_TM))
    deviation_BM = clips.means(apart_TM.square()).sqrt().clamp(min=LEAST)
    return replace(inputs, rows_TD=apart_TM / clips.spread(deviation_BM))
