"""All operations of the API. Made by docs/make_client.py from the API's own description: don't edit it by hand."""

from __future__ import annotations

from typing import Any

from webui.client.data import UNSET, Ask, AsyncAsk, Unset, only_given, path_of
from webui.client.models import (
    ActOnSearchActBodyAct,
    ActOnSearchActBodyChangeType0,
    AddOnPage,
    AddPersonNewPerson,
    AddTokenNewToken,
    Analysis,
    AnnotateModelBodyDefaultsType0,
    AnswerSearchResponseAnswerSearch,
    AvailableResponseAvailable,
    BakeVaeOrder,
    Batch,
    BatchAnswer,
    BatchFiles,
    BatchFilesStateType0,
    BatchList,
    BatchLook,
    BatchOrder,
    BatchPlan,
    BeginSearchResponseBeginSearch,
    BranchBodyChange,
    BulkSlice,
    BulkUndone,
    Changed,
    ChangePasswordPasswords,
    ChangePersonChangedPerson,
    ChangeSettingsBodyValues,
    CheckpointAnswer,
    CheckUpdatesResponseCheckUpdates,
    Cleared,
    CompletionList,
    ControlChoices,
    ControlPreviewKind,
    ControlPreviewResizeMode,
    ConvertOrder,
    Count,
    DeleteFieldPresetPage,
    DiffAnswer,
    DownloadOrder,
    Duplicates,
    Emptied,
    EmptyTrashNothing,
    EnlargeBodyRefines,
    ExamplePath,
    ExportFieldPresetsPageType0,
    ExportForm,
    ExportToFolderToFolder,
    ExportZipChosen,
    ExtensionResponseExtension,
    ExtensionsResponseExtensions,
    ExtractVaeOrder,
    Facets,
    FieldPresetAnswer,
    FieldPresetList,
    FieldPresetsPageType0,
    FilmAnswer,
    FinishingPreset,
    FinishingSteps,
    FolderExport,
    FolderList,
    FolderLook,
    FoundModelList,
    Health,
    HistoryCards,
    HistoryCount,
    HistoryPage,
    Image,
    Img2Img,
    Import,
    ImportFiles,
    ImportFilesStateType0,
    ImportList,
    ImportLook,
    Inpaint,
    InstallExtensionResponseInstallExtension,
    Job,
    JobList,
    LineageAnswer,
    LoggedOut,
    LogInNameAndPassword,
    LookUpDownload,
    MarksBefore,
    Me,
    MergeOrder,
    MetadataAnswer,
    ModelDetails,
    ModelList,
    ModelListKindType0Item,
    ModelListSort,
    ModelMemory,
    ModelOverview,
    ModelSourceList,
    NewToken,
    Offer,
    Order,
    OrderList,
    ParameterAnswer,
    ParametersKind,
    PeopleList,
    PersonAnswer,
    PlanUpscalesBodyRequest,
    PreloadModelResponsePreloadModel,
    PresetAnswer,
    PresetList,
    PromptAnswer,
    PutBackMarksBeforeBodyMarks,
    QueuePage,
    QueueSummary,
    RecipesResponseRecipes,
    Refreshed,
    RefreshIndexesResponseRefreshIndexes,
    Replays,
    RestartResponseRestart,
    Restored,
    RestoreImagesPictures,
    SafeModeResponseSafeMode,
    SamplerList,
    SavedSearch,
    SavedSearches,
    SaveFieldPresetFieldPreset,
    ScriptList,
    ScriptRun,
    ScriptRunList,
    ScriptRunWithParts,
    SearchTerms,
    SearchWaysOn,
    SettingsAnswer,
    SettingsImport,
    Snapshot,
    StageExtensionResponseStageExtension,
    StageListedResponseStageListed,
    StageOfResponseStageOf,
    StageZipResponseStageZip,
    StartScriptBodyRequest,
    StartScriptBodyValues,
    StoredImage,
    StyleAnswer,
    StyleList,
    StyleToSave,
    System,
    TokenHosts,
    TokenList,
    TrainingPictures,
    TrainingRun,
    TrainingSet,
    TrainOrder,
    Trashed,
    TrashImagesPictures,
    Txt2Img,
    UpdateExtensionResponseUpdateExtension,
    Upscale,
    UpscalerAnswer,
    ZipExport,
)


class PeopleOperations:
    """Operations of people."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def log_in(
        self,
        body: LogInNameAndPassword,
    ) -> Me:
        """Log in with name and password; the cookie of the answer opens the door from then on."""
        return self._ask(
            "POST",
            "/api/v1/login",
            Me,
            body=body,
        )

    def log_out(
        self,
    ) -> None:
        """Log out: the cookie opens nothing any more."""
        return self._ask(
            "POST",
            "/api/v1/logout",
            None,
        )

    def me(
        self,
    ) -> Me:
        """Who asks: somebody with an account, or the household."""
        return self._ask(
            "GET",
            "/api/v1/me",
            Me,
        )

    def change_password(
        self,
        body: ChangePasswordPasswords,
    ) -> None:
        """A new password for oneself, by the old one. Logins elsewhere end."""
        return self._ask(
            "PUT",
            "/api/v1/me/password",
            None,
            body=body,
        )

    def log_out_everywhere(
        self,
    ) -> LoggedOut:
        """End all of one's logins, this one, too. Tokens stay."""
        return self._ask(
            "POST",
            "/api/v1/me/logout-everywhere",
            LoggedOut,
        )

    def tokens(
        self,
    ) -> TokenList:
        """One's own tokens, the newest first. What they are is shown once only, when they are made."""
        return self._ask(
            "GET",
            "/api/v1/me/tokens",
            TokenList,
        )

    def add_token(
        self,
        body: AddTokenNewToken,
    ) -> NewToken:
        """A token for a program, which sends it as `Authorization: Bearer …`."""
        return self._ask(
            "POST",
            "/api/v1/me/tokens",
            NewToken,
            body=body,
        )

    def remove_token(
        self,
        token_id: str,
    ) -> None:
        """Take a token away: it opens nothing any more."""
        return self._ask(
            "DELETE",
            path_of(
                "/api/v1/me/tokens/{token_id}",
                token_id=token_id,
            ),
            None,
        )

    def people(
        self,
    ) -> PeopleList:
        """All accounts, by name."""
        return self._ask(
            "GET",
            "/api/v1/people",
            PeopleList,
        )

    def add_person(
        self,
        body: AddPersonNewPerson,
    ) -> PersonAnswer:
        """A new account. The first one is an administrator's: what was made here so far becomes theirs, and everybody
        has to log in.

        Whoever adds that one is logged in."""
        return self._ask(
            "POST",
            "/api/v1/people",
            PersonAnswer,
            body=body,
        )

    def remove_person(
        self,
        person_id: str,
    ) -> None:
        """Take an account away, with its logins and tokens. What it made stays."""
        return self._ask(
            "DELETE",
            path_of(
                "/api/v1/people/{person_id}",
                person_id=person_id,
            ),
            None,
        )

    def change_person(
        self,
        person_id: str,
        body: ChangePersonChangedPerson,
    ) -> PersonAnswer:
        """Another role, closed or opened again, or a new password, which logs them out."""
        return self._ask(
            "PATCH",
            path_of(
                "/api/v1/people/{person_id}",
                person_id=person_id,
            ),
            PersonAnswer,
            body=body,
        )


class AsyncPeopleOperations:
    """Operations of people."""

    def __init__(self, ask: AsyncAsk) -> None:
        self._ask = ask

    async def log_in(
        self,
        body: LogInNameAndPassword,
    ) -> Me:
        """Log in with name and password; the cookie of the answer opens the door from then on."""
        return await self._ask(
            "POST",
            "/api/v1/login",
            Me,
            body=body,
        )

    async def log_out(
        self,
    ) -> None:
        """Log out: the cookie opens nothing any more."""
        return await self._ask(
            "POST",
            "/api/v1/logout",
            None,
        )

    async def me(
        self,
    ) -> Me:
        """Who asks: somebody with an account, or the household."""
        return await self._ask(
            "GET",
            "/api/v1/me",
            Me,
        )

    async def change_password(
        self,
        body: ChangePasswordPasswords,
    ) -> None:
        """A new password for oneself, by the old one. Logins elsewhere end."""
        return await self._ask(
            "PUT",
            "/api/v1/me/password",
            None,
            body=body,
        )

    async def log_out_everywhere(
        self,
    ) -> LoggedOut:
        """End all of one's logins, this one, too. Tokens stay."""
        return await self._ask(
            "POST",
            "/api/v1/me/logout-everywhere",
            LoggedOut,
        )

    async def tokens(
        self,
    ) -> TokenList:
        """One's own tokens, the newest first. What they are is shown once only, when they are made."""
        return await self._ask(
            "GET",
            "/api/v1/me/tokens",
            TokenList,
        )

    async def add_token(
        self,
        body: AddTokenNewToken,
    ) -> NewToken:
        """A token for a program, which sends it as `Authorization: Bearer …`."""
        return await self._ask(
            "POST",
            "/api/v1/me/tokens",
            NewToken,
            body=body,
        )

    async def remove_token(
        self,
        token_id: str,
    ) -> None:
        """Take a token away: it opens nothing any more."""
        return await self._ask(
            "DELETE",
            path_of(
                "/api/v1/me/tokens/{token_id}",
                token_id=token_id,
            ),
            None,
        )

    async def people(
        self,
    ) -> PeopleList:
        """All accounts, by name."""
        return await self._ask(
            "GET",
            "/api/v1/people",
            PeopleList,
        )

    async def add_person(
        self,
        body: AddPersonNewPerson,
    ) -> PersonAnswer:
        """A new account. The first one is an administrator's: what was made here so far becomes theirs, and everybody
        has to log in.

        Whoever adds that one is logged in."""
        return await self._ask(
            "POST",
            "/api/v1/people",
            PersonAnswer,
            body=body,
        )

    async def remove_person(
        self,
        person_id: str,
    ) -> None:
        """Take an account away, with its logins and tokens. What it made stays."""
        return await self._ask(
            "DELETE",
            path_of(
                "/api/v1/people/{person_id}",
                person_id=person_id,
            ),
            None,
        )

    async def change_person(
        self,
        person_id: str,
        body: ChangePersonChangedPerson,
    ) -> PersonAnswer:
        """Another role, closed or opened again, or a new password, which logs them out."""
        return await self._ask(
            "PATCH",
            path_of(
                "/api/v1/people/{person_id}",
                person_id=person_id,
            ),
            PersonAnswer,
            body=body,
        )


class StudioOperations:
    """Operations of studio."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def health(
        self,
    ) -> Health:
        """State, device, dtype, version, queue length."""
        return self._ask(
            "GET",
            "/api/v1/health",
            Health,
        )

    def snapshot(
        self,
    ) -> Snapshot:
        """Jobs, worker, newest pictures; follow /events from its seq."""
        return self._ask(
            "GET",
            "/api/v1/snapshot",
            Snapshot,
        )


class AsyncStudioOperations:
    """Operations of studio."""

    def __init__(self, ask: AsyncAsk) -> None:
        self._ask = ask

    async def health(
        self,
    ) -> Health:
        """State, device, dtype, version, queue length."""
        return await self._ask(
            "GET",
            "/api/v1/health",
            Health,
        )

    async def snapshot(
        self,
    ) -> Snapshot:
        """Jobs, worker, newest pictures; follow /events from its seq."""
        return await self._ask(
            "GET",
            "/api/v1/snapshot",
            Snapshot,
        )


class JobsOperations:
    """Operations of jobs."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def ended_jobs(
        self,
        *,
        limit: int = 20,
        before: str | None = None,
    ) -> JobList:
        """Jobs that have ended, newest first; those that run or wait are in /queue."""
        return self._ask(
            "GET",
            "/api/v1/jobs",
            JobList,
            query={
                "limit": limit,
                "before": before,
            },
        )

    def submit(
        self,
        body: Img2Img | Inpaint | Txt2Img | Upscale,
        *,
        priority: int = 0,
        forever: bool = False,
        film: bool | None = None,
        idempotency_key: str | None = None,
    ) -> Job:
        """Take a job; fields left out are the checkpoint's own defaults. It is in the journal when this answers.

        With forever=true another one follows each time it starts, behind all others, until it is interrupted."""
        return self._ask(
            "POST",
            "/api/v1/jobs",
            Job,
            query={
                "priority": priority,
                "forever": forever,
                "film": film,
            },
            headers={
                "idempotency-key": idempotency_key,
            },
            body=body,
        )

    def submit_batch(
        self,
        *,
        requests: list[Img2Img | Inpaint | Txt2Img | Upscale],
        priority: int = 0,
        film: bool | None = None,
        idempotency_key: str | None = None,
    ) -> BatchAnswer:
        """Take many jobs with one write, all or none."""
        return self._ask(
            "POST",
            "/api/v1/jobs/batch",
            BatchAnswer,
            query={
                "priority": priority,
                "film": film,
            },
            headers={
                "idempotency-key": idempotency_key,
            },
            body=only_given(
                requests=requests,
            ),
        )

    def job(
        self,
        job_id: str,
    ) -> Job:
        """One job with its pictures."""
        return self._ask(
            "GET",
            path_of(
                "/api/v1/jobs/{job_id}",
                job_id=job_id,
            ),
            Job,
        )

    def set_priority(
        self,
        job_id: str,
        *,
        priority: int,
    ) -> Job:
        """Give a waiting job another priority; higher ones go first."""
        return self._ask(
            "PATCH",
            path_of(
                "/api/v1/jobs/{job_id}",
                job_id=job_id,
            ),
            Job,
            body=only_given(
                priority=priority,
            ),
        )

    def job_request(
        self,
        job_id: str,
    ) -> Img2Img | Inpaint | Txt2Img | Upscale:
        """What was asked, as it came: submit it again, or change it and send it back."""
        return self._ask(
            "GET",
            path_of(
                "/api/v1/jobs/{job_id}/request",
                job_id=job_id,
            ),
            Img2Img | Inpaint | Txt2Img | Upscale,
        )

    def edit(
        self,
        job_id: str,
        body: Img2Img | Inpaint | Txt2Img | Upscale,
    ) -> Job:
        """Give a waiting job another request; it keeps its place in line."""
        return self._ask(
            "PUT",
            path_of(
                "/api/v1/jobs/{job_id}/request",
                job_id=job_id,
            ),
            Job,
            body=body,
        )

    def move(
        self,
        job_id: str,
        *,
        before: str | None,
    ) -> Job:
        """Put a waiting job in front of another one, whose priority it takes."""
        return self._ask(
            "POST",
            path_of(
                "/api/v1/jobs/{job_id}/move",
                job_id=job_id,
            ),
            Job,
            body=only_given(
                before=before,
            ),
        )

    def interrupt(
        self,
        job_id: str,
    ) -> Job:
        """End a job at its next step; finished pictures stay. It ends "forever", too."""
        return self._ask(
            "POST",
            path_of(
                "/api/v1/jobs/{job_id}/interrupt",
                job_id=job_id,
            ),
            Job,
        )

    def cancel(
        self,
        job_id: str,
    ) -> Job:
        """End a waiting or running job."""
        return self._ask(
            "POST",
            path_of(
                "/api/v1/jobs/{job_id}/cancel",
                job_id=job_id,
            ),
            Job,
        )

    def skip(
        self,
        job_id: str,
    ) -> Job:
        """End the picture being made and go on with the next."""
        return self._ask(
            "POST",
            path_of(
                "/api/v1/jobs/{job_id}/skip",
                job_id=job_id,
            ),
            Job,
        )

    def restore(
        self,
        job_id: str,
    ) -> Job:
        """Bring a cancelled or failed job back to its place in line; its finished pictures stay."""
        return self._ask(
            "POST",
            path_of(
                "/api/v1/jobs/{job_id}/restore",
                job_id=job_id,
            ),
            Job,
        )

    def duplicate(
        self,
        job_id: str,
    ) -> Job:
        """Submit what was asked once more; a random seed is drawn anew."""
        return self._ask(
            "POST",
            path_of(
                "/api/v1/jobs/{job_id}/duplicate",
                job_id=job_id,
            ),
            Job,
        )

    def preview(
        self,
        job_id: str,
    ) -> bytes:
        """The newest preview of a running job (JPEG)."""
        return self._ask(
            "GET",
            path_of(
                "/api/v1/jobs/{job_id}/preview",
                job_id=job_id,
            ),
            bytes,
        )


class AsyncJobsOperations:
    """Operations of jobs."""

    def __init__(self, ask: AsyncAsk) -> None:
        self._ask = ask

    async def ended_jobs(
        self,
        *,
        limit: int = 20,
        before: str | None = None,
    ) -> JobList:
        """Jobs that have ended, newest first; those that run or wait are in /queue."""
        return await self._ask(
            "GET",
            "/api/v1/jobs",
            JobList,
            query={
                "limit": limit,
                "before": before,
            },
        )

    async def submit(
        self,
        body: Img2Img | Inpaint | Txt2Img | Upscale,
        *,
        priority: int = 0,
        forever: bool = False,
        film: bool | None = None,
        idempotency_key: str | None = None,
    ) -> Job:
        """Take a job; fields left out are the checkpoint's own defaults. It is in the journal when this answers.

        With forever=true another one follows each time it starts, behind all others, until it is interrupted."""
        return await self._ask(
            "POST",
            "/api/v1/jobs",
            Job,
            query={
                "priority": priority,
                "forever": forever,
                "film": film,
            },
            headers={
                "idempotency-key": idempotency_key,
            },
            body=body,
        )

    async def submit_batch(
        self,
        *,
        requests: list[Img2Img | Inpaint | Txt2Img | Upscale],
        priority: int = 0,
        film: bool | None = None,
        idempotency_key: str | None = None,
    ) -> BatchAnswer:
        """Take many jobs with one write, all or none."""
        return await self._ask(
            "POST",
            "/api/v1/jobs/batch",
            BatchAnswer,
            query={
                "priority": priority,
                "film": film,
            },
            headers={
                "idempotency-key": idempotency_key,
            },
            body=only_given(
                requests=requests,
            ),
        )

    async def job(
        self,
        job_id: str,
    ) -> Job:
        """One job with its pictures."""
        return await self._ask(
            "GET",
            path_of(
                "/api/v1/jobs/{job_id}",
                job_id=job_id,
            ),
            Job,
        )

    async def set_priority(
        self,
        job_id: str,
        *,
        priority: int,
    ) -> Job:
        """Give a waiting job another priority; higher ones go first."""
        return await self._ask(
            "PATCH",
            path_of(
                "/api/v1/jobs/{job_id}",
                job_id=job_id,
            ),
            Job,
            body=only_given(
                priority=priority,
            ),
        )

    async def job_request(
        self,
        job_id: str,
    ) -> Img2Img | Inpaint | Txt2Img | Upscale:
        """What was asked, as it came: submit it again, or change it and send it back."""
        return await self._ask(
            "GET",
            path_of(
                "/api/v1/jobs/{job_id}/request",
                job_id=job_id,
            ),
            Img2Img | Inpaint | Txt2Img | Upscale,
        )

    async def edit(
        self,
        job_id: str,
        body: Img2Img | Inpaint | Txt2Img | Upscale,
    ) -> Job:
        """Give a waiting job another request; it keeps its place in line."""
        return await self._ask(
            "PUT",
            path_of(
                "/api/v1/jobs/{job_id}/request",
                job_id=job_id,
            ),
            Job,
            body=body,
        )

    async def move(
        self,
        job_id: str,
        *,
        before: str | None,
    ) -> Job:
        """Put a waiting job in front of another one, whose priority it takes."""
        return await self._ask(
            "POST",
            path_of(
                "/api/v1/jobs/{job_id}/move",
                job_id=job_id,
            ),
            Job,
            body=only_given(
                before=before,
            ),
        )

    async def interrupt(
        self,
        job_id: str,
    ) -> Job:
        """End a job at its next step; finished pictures stay. It ends "forever", too."""
        return await self._ask(
            "POST",
            path_of(
                "/api/v1/jobs/{job_id}/interrupt",
                job_id=job_id,
            ),
            Job,
        )

    async def cancel(
        self,
        job_id: str,
    ) -> Job:
        """End a waiting or running job."""
        return await self._ask(
            "POST",
            path_of(
                "/api/v1/jobs/{job_id}/cancel",
                job_id=job_id,
            ),
            Job,
        )

    async def skip(
        self,
        job_id: str,
    ) -> Job:
        """End the picture being made and go on with the next."""
        return await self._ask(
            "POST",
            path_of(
                "/api/v1/jobs/{job_id}/skip",
                job_id=job_id,
            ),
            Job,
        )

    async def restore(
        self,
        job_id: str,
    ) -> Job:
        """Bring a cancelled or failed job back to its place in line; its finished pictures stay."""
        return await self._ask(
            "POST",
            path_of(
                "/api/v1/jobs/{job_id}/restore",
                job_id=job_id,
            ),
            Job,
        )

    async def duplicate(
        self,
        job_id: str,
    ) -> Job:
        """Submit what was asked once more; a random seed is drawn anew."""
        return await self._ask(
            "POST",
            path_of(
                "/api/v1/jobs/{job_id}/duplicate",
                job_id=job_id,
            ),
            Job,
        )

    async def preview(
        self,
        job_id: str,
    ) -> bytes:
        """The newest preview of a running job (JPEG)."""
        return await self._ask(
            "GET",
            path_of(
                "/api/v1/jobs/{job_id}/preview",
                job_id=job_id,
            ),
            bytes,
        )


class QueueOperations:
    """Operations of queue."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def queue(
        self,
        *,
        limit: int = 50,
        offset: int = 0,
    ) -> QueuePage:
        """What runs, and what waits in the order in which it will run, each with the seconds until it starts."""
        return self._ask(
            "GET",
            "/api/v1/queue",
            QueuePage,
            query={
                "limit": limit,
                "offset": offset,
            },
        )

    def pause(
        self,
    ) -> QueueSummary:
        """Let what runs finish, and begin nothing more; remembered over a restart.

        By an administrator that holds for everybody, by anybody else for their own jobs."""
        return self._ask(
            "POST",
            "/api/v1/queue/pause",
            QueueSummary,
        )

    def resume(
        self,
    ) -> QueueSummary:
        """Go on with the queue. Raises 409 where an administrator's pause isn't yours to end."""
        return self._ask(
            "POST",
            "/api/v1/queue/resume",
            QueueSummary,
        )

    def clear(
        self,
    ) -> Cleared:
        """Cancel all of your waiting jobs; what runs goes on."""
        return self._ask(
            "POST",
            "/api/v1/queue/clear",
            Cleared,
        )

    def restore_queue(
        self,
        *,
        stamp: str,
    ) -> Count:
        """Bring back the jobs that /queue/clear cancelled, each to its place."""
        return self._ask(
            "POST",
            "/api/v1/queue/restore",
            Count,
            body=only_given(
                stamp=stamp,
            ),
        )

    def end_forever(
        self,
    ) -> Count:
        """Let "forever" end with the job that runs."""
        return self._ask(
            "POST",
            "/api/v1/queue/end-forever",
            Count,
        )

    def pause_line(
        self,
        person_id: str,
    ) -> QueueSummary:
        """For administrators: begin no more jobs of somebody else."""
        return self._ask(
            "POST",
            path_of(
                "/api/v1/queue/people/{person_id}/pause",
                person_id=person_id,
            ),
            QueueSummary,
        )

    def resume_line(
        self,
        person_id: str,
    ) -> QueueSummary:
        """For administrators: go on with the jobs of somebody else."""
        return self._ask(
            "POST",
            path_of(
                "/api/v1/queue/people/{person_id}/resume",
                person_id=person_id,
            ),
            QueueSummary,
        )

    def clear_line(
        self,
        person_id: str,
    ) -> Cleared:
        """For administrators: cancel the jobs of somebody else, those that run among them."""
        return self._ask(
            "POST",
            path_of(
                "/api/v1/queue/people/{person_id}/clear",
                person_id=person_id,
            ),
            Cleared,
        )

    def restore_line(
        self,
        person_id: str,
        *,
        stamp: str,
    ) -> Count:
        """For administrators: bring back what clearing somebody's line cancelled of what waited."""
        return self._ask(
            "POST",
            path_of(
                "/api/v1/queue/people/{person_id}/restore",
                person_id=person_id,
            ),
            Count,
            body=only_given(
                stamp=stamp,
            ),
        )


class AsyncQueueOperations:
    """Operations of queue."""

    def __init__(self, ask: AsyncAsk) -> None:
        self._ask = ask

    async def queue(
        self,
        *,
        limit: int = 50,
        offset: int = 0,
    ) -> QueuePage:
        """What runs, and what waits in the order in which it will run, each with the seconds until it starts."""
        return await self._ask(
            "GET",
            "/api/v1/queue",
            QueuePage,
            query={
                "limit": limit,
                "offset": offset,
            },
        )

    async def pause(
        self,
    ) -> QueueSummary:
        """Let what runs finish, and begin nothing more; remembered over a restart.

        By an administrator that holds for everybody, by anybody else for their own jobs."""
        return await self._ask(
            "POST",
            "/api/v1/queue/pause",
            QueueSummary,
        )

    async def resume(
        self,
    ) -> QueueSummary:
        """Go on with the queue. Raises 409 where an administrator's pause isn't yours to end."""
        return await self._ask(
            "POST",
            "/api/v1/queue/resume",
            QueueSummary,
        )

    async def clear(
        self,
    ) -> Cleared:
        """Cancel all of your waiting jobs; what runs goes on."""
        return await self._ask(
            "POST",
            "/api/v1/queue/clear",
            Cleared,
        )

    async def restore_queue(
        self,
        *,
        stamp: str,
    ) -> Count:
        """Bring back the jobs that /queue/clear cancelled, each to its place."""
        return await self._ask(
            "POST",
            "/api/v1/queue/restore",
            Count,
            body=only_given(
                stamp=stamp,
            ),
        )

    async def end_forever(
        self,
    ) -> Count:
        """Let "forever" end with the job that runs."""
        return await self._ask(
            "POST",
            "/api/v1/queue/end-forever",
            Count,
        )

    async def pause_line(
        self,
        person_id: str,
    ) -> QueueSummary:
        """For administrators: begin no more jobs of somebody else."""
        return await self._ask(
            "POST",
            path_of(
                "/api/v1/queue/people/{person_id}/pause",
                person_id=person_id,
            ),
            QueueSummary,
        )

    async def resume_line(
        self,
        person_id: str,
    ) -> QueueSummary:
        """For administrators: go on with the jobs of somebody else."""
        return await self._ask(
            "POST",
            path_of(
                "/api/v1/queue/people/{person_id}/resume",
                person_id=person_id,
            ),
            QueueSummary,
        )

    async def clear_line(
        self,
        person_id: str,
    ) -> Cleared:
        """For administrators: cancel the jobs of somebody else, those that run among them."""
        return await self._ask(
            "POST",
            path_of(
                "/api/v1/queue/people/{person_id}/clear",
                person_id=person_id,
            ),
            Cleared,
        )

    async def restore_line(
        self,
        person_id: str,
        *,
        stamp: str,
    ) -> Count:
        """For administrators: bring back what clearing somebody's line cancelled of what waited."""
        return await self._ask(
            "POST",
            path_of(
                "/api/v1/queue/people/{person_id}/restore",
                person_id=person_id,
            ),
            Count,
            body=only_given(
                stamp=stamp,
            ),
        )


class BatchesOperations:
    """Operations of batches."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def batches(
        self,
    ) -> BatchList:
        """All batches, newest first. `batch` events bring them up to date."""
        return self._ask(
            "GET",
            "/api/v1/batches",
            BatchList,
        )

    def submit_batch_of_files(
        self,
        body: BatchOrder,
    ) -> Batch:
        """Take a batch. It is written down when this answers; its files go to the queue a few at a time, each as a job
        of its own.

        However Easel ends, it goes on where it stopped: no file is drawn on twice, and none is left out."""
        return self._ask(
            "POST",
            "/api/v1/batches",
            Batch,
            body=body,
        )

    def look_into_folder(
        self,
        *,
        folder: str,
        mask_folder: str | Unset = UNSET,
    ) -> BatchLook:
        """What a folder holds, and whether each picture has a mask; nothing is read yet."""
        return self._ask(
            "POST",
            "/api/v1/batches/look",
            BatchLook,
            body=only_given(
                folder=folder,
                mask_folder=mask_folder,
            ),
        )

    def plan_upscales(
        self,
        *,
        request: PlanUpscalesBodyRequest,
        folder: str | Unset = UNSET,
        sizes: list[list[int]] | Unset = UNSET,
        total: int | Unset = UNSET,
    ) -> BatchPlan:
        """About how long upscales will take and how much of the disk, before they begin. Of a folder some files tell for
        all."""
        return self._ask(
            "POST",
            "/api/v1/batches/plan",
            BatchPlan,
            body=only_given(
                request=request,
                folder=folder,
                sizes=sizes,
                total=total,
            ),
        )

    def batch(
        self,
        batch_id: str,
    ) -> Batch:
        """One batch."""
        return self._ask(
            "GET",
            path_of(
                "/api/v1/batches/{batch_id}",
                batch_id=batch_id,
            ),
            Batch,
        )

    def remove_batch(
        self,
        batch_id: str,
    ) -> None:
        """Forget an ended batch. Its pictures and jobs stay."""
        return self._ask(
            "DELETE",
            path_of(
                "/api/v1/batches/{batch_id}",
                batch_id=batch_id,
            ),
            None,
        )

    def batch_files(
        self,
        batch_id: str,
        *,
        offset: int = 0,
        limit: int = 60,
        state: BatchFilesStateType0 | None = None,
    ) -> BatchFiles:
        """Files of a batch in order, with what became of each."""
        return self._ask(
            "GET",
            path_of(
                "/api/v1/batches/{batch_id}/files",
                batch_id=batch_id,
            ),
            BatchFiles,
            query={
                "offset": offset,
                "limit": limit,
                "state": state,
            },
        )

    def batch_thumbnail(
        self,
        batch_id: str,
        number: int,
    ) -> bytes:
        """A file as it is before it is drawn on: a WebP of at most 256 px."""
        return self._ask(
            "GET",
            path_of(
                "/api/v1/batches/{batch_id}/files/{number}/thumbnail",
                batch_id=batch_id,
                number=number,
            ),
            bytes,
        )

    def pause_batch(
        self,
        batch_id: str,
    ) -> Batch:
        """Draw on no further file; the one that is being drawn goes on."""
        return self._ask(
            "POST",
            path_of(
                "/api/v1/batches/{batch_id}/pause",
                batch_id=batch_id,
            ),
            Batch,
        )

    def resume_batch(
        self,
        batch_id: str,
    ) -> Batch:
        """Go on where it was paused or cancelled."""
        return self._ask(
            "POST",
            path_of(
                "/api/v1/batches/{batch_id}/resume",
                batch_id=batch_id,
            ),
            Batch,
        )

    def cancel_batch(
        self,
        batch_id: str,
    ) -> Batch:
        """End it: what is being drawn ends at its next step, finished pictures stay."""
        return self._ask(
            "POST",
            path_of(
                "/api/v1/batches/{batch_id}/cancel",
                batch_id=batch_id,
            ),
            Batch,
        )

    def retry_batch(
        self,
        batch_id: str,
    ) -> Batch:
        """Try the failed files again, once all others are done."""
        return self._ask(
            "POST",
            path_of(
                "/api/v1/batches/{batch_id}/retry",
                batch_id=batch_id,
            ),
            Batch,
        )


class AsyncBatchesOperations:
    """Operations of batches."""

    def __init__(self, ask: AsyncAsk) -> None:
        self._ask = ask

    async def batches(
        self,
    ) -> BatchList:
        """All batches, newest first. `batch` events bring them up to date."""
        return await self._ask(
            "GET",
            "/api/v1/batches",
            BatchList,
        )

    async def submit_batch_of_files(
        self,
        body: BatchOrder,
    ) -> Batch:
        """Take a batch. It is written down when this answers; its files go to the queue a few at a time, each as a job
        of its own.

        However Easel ends, it goes on where it stopped: no file is drawn on twice, and none is left out."""
        return await self._ask(
            "POST",
            "/api/v1/batches",
            Batch,
            body=body,
        )

    async def look_into_folder(
        self,
        *,
        folder: str,
        mask_folder: str | Unset = UNSET,
    ) -> BatchLook:
        """What a folder holds, and whether each picture has a mask; nothing is read yet."""
        return await self._ask(
            "POST",
            "/api/v1/batches/look",
            BatchLook,
            body=only_given(
                folder=folder,
                mask_folder=mask_folder,
            ),
        )

    async def plan_upscales(
        self,
        *,
        request: PlanUpscalesBodyRequest,
        folder: str | Unset = UNSET,
        sizes: list[list[int]] | Unset = UNSET,
        total: int | Unset = UNSET,
    ) -> BatchPlan:
        """About how long upscales will take and how much of the disk, before they begin. Of a folder some files tell for
        all."""
        return await self._ask(
            "POST",
            "/api/v1/batches/plan",
            BatchPlan,
            body=only_given(
                request=request,
                folder=folder,
                sizes=sizes,
                total=total,
            ),
        )

    async def batch(
        self,
        batch_id: str,
    ) -> Batch:
        """One batch."""
        return await self._ask(
            "GET",
            path_of(
                "/api/v1/batches/{batch_id}",
                batch_id=batch_id,
            ),
            Batch,
        )

    async def remove_batch(
        self,
        batch_id: str,
    ) -> None:
        """Forget an ended batch. Its pictures and jobs stay."""
        return await self._ask(
            "DELETE",
            path_of(
                "/api/v1/batches/{batch_id}",
                batch_id=batch_id,
            ),
            None,
        )

    async def batch_files(
        self,
        batch_id: str,
        *,
        offset: int = 0,
        limit: int = 60,
        state: BatchFilesStateType0 | None = None,
    ) -> BatchFiles:
        """Files of a batch in order, with what became of each."""
        return await self._ask(
            "GET",
            path_of(
                "/api/v1/batches/{batch_id}/files",
                batch_id=batch_id,
            ),
            BatchFiles,
            query={
                "offset": offset,
                "limit": limit,
                "state": state,
            },
        )

    async def batch_thumbnail(
        self,
        batch_id: str,
        number: int,
    ) -> bytes:
        """A file as it is before it is drawn on: a WebP of at most 256 px."""
        return await self._ask(
            "GET",
            path_of(
                "/api/v1/batches/{batch_id}/files/{number}/thumbnail",
                batch_id=batch_id,
                number=number,
            ),
            bytes,
        )

    async def pause_batch(
        self,
        batch_id: str,
    ) -> Batch:
        """Draw on no further file; the one that is being drawn goes on."""
        return await self._ask(
            "POST",
            path_of(
                "/api/v1/batches/{batch_id}/pause",
                batch_id=batch_id,
            ),
            Batch,
        )

    async def resume_batch(
        self,
        batch_id: str,
    ) -> Batch:
        """Go on where it was paused or cancelled."""
        return await self._ask(
            "POST",
            path_of(
                "/api/v1/batches/{batch_id}/resume",
                batch_id=batch_id,
            ),
            Batch,
        )

    async def cancel_batch(
        self,
        batch_id: str,
    ) -> Batch:
        """End it: what is being drawn ends at its next step, finished pictures stay."""
        return await self._ask(
            "POST",
            path_of(
                "/api/v1/batches/{batch_id}/cancel",
                batch_id=batch_id,
            ),
            Batch,
        )

    async def retry_batch(
        self,
        batch_id: str,
    ) -> Batch:
        """Try the failed files again, once all others are done."""
        return await self._ask(
            "POST",
            path_of(
                "/api/v1/batches/{batch_id}/retry",
                batch_id=batch_id,
            ),
            Batch,
        )


class LineageOperations:
    """Operations of lineage."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def history_diff(
        self,
        *,
        a: str,
        b: str,
    ) -> DiffAnswer:
        """What is different from picture a to picture b: words of the prompts, and parameters; and what led from one to
        the other."""
        return self._ask(
            "GET",
            "/api/v1/history/diff",
            DiffAnswer,
            query={
                "a": a,
                "b": b,
            },
        )

    def lineage(
        self,
        image_id: str,
    ) -> LineageAnswer:
        """All that a picture came from, and all that came of any of these; at most 200 pictures of history."""
        return self._ask(
            "GET",
            path_of(
                "/api/v1/history/{image_id}/lineage",
                image_id=image_id,
            ),
            LineageAnswer,
        )

    def replays(
        self,
        image_id: str,
    ) -> Replays:
        """What came of making a picture again, newest first; at most 50."""
        return self._ask(
            "GET",
            path_of(
                "/api/v1/history/{image_id}/replays",
                image_id=image_id,
            ),
            Replays,
        )

    def replay(
        self,
        image_id: str,
        *,
        branch: bool | Unset = UNSET,
    ) -> Job:
        """Make a picture again as it was made. When the job is done, what came out was compared with the picture, pixel
        by pixel.

        An identical one is not kept. With `branch` everything that it was made from is made again before it; answers
        with the first job."""
        return self._ask(
            "POST",
            path_of(
                "/api/v1/history/{image_id}/replay",
                image_id=image_id,
            ),
            Job,
            body=only_given(
                branch=branch,
            ),
        )

    def branch(
        self,
        image_id: str,
        *,
        change: BranchBodyChange,
        at: str | Unset | None = UNSET,
    ) -> Job:
        """Make a picture again with something changed, there or in a picture that it came from.

        Everything between that one and this one is made again, each from what came of the one before. Answers with
        the first job."""
        return self._ask(
            "POST",
            path_of(
                "/api/v1/history/{image_id}/branch",
                image_id=image_id,
            ),
            Job,
            body=only_given(
                change=change,
                at=at,
            ),
        )

    def duplicates(
        self,
        body: Img2Img | Inpaint | Txt2Img | Upscale,
    ) -> Duplicates:
        """The pictures of history that a request would make again, pixel for pixel. Nothing is made."""
        return self._ask(
            "POST",
            "/api/v1/duplicates",
            Duplicates,
            body=body,
        )


class AsyncLineageOperations:
    """Operations of lineage."""

    def __init__(self, ask: AsyncAsk) -> None:
        self._ask = ask

    async def history_diff(
        self,
        *,
        a: str,
        b: str,
    ) -> DiffAnswer:
        """What is different from picture a to picture b: words of the prompts, and parameters; and what led from one to
        the other."""
        return await self._ask(
            "GET",
            "/api/v1/history/diff",
            DiffAnswer,
            query={
                "a": a,
                "b": b,
            },
        )

    async def lineage(
        self,
        image_id: str,
    ) -> LineageAnswer:
        """All that a picture came from, and all that came of any of these; at most 200 pictures of history."""
        return await self._ask(
            "GET",
            path_of(
                "/api/v1/history/{image_id}/lineage",
                image_id=image_id,
            ),
            LineageAnswer,
        )

    async def replays(
        self,
        image_id: str,
    ) -> Replays:
        """What came of making a picture again, newest first; at most 50."""
        return await self._ask(
            "GET",
            path_of(
                "/api/v1/history/{image_id}/replays",
                image_id=image_id,
            ),
            Replays,
        )

    async def replay(
        self,
        image_id: str,
        *,
        branch: bool | Unset = UNSET,
    ) -> Job:
        """Make a picture again as it was made. When the job is done, what came out was compared with the picture, pixel
        by pixel.

        An identical one is not kept. With `branch` everything that it was made from is made again before it; answers
        with the first job."""
        return await self._ask(
            "POST",
            path_of(
                "/api/v1/history/{image_id}/replay",
                image_id=image_id,
            ),
            Job,
            body=only_given(
                branch=branch,
            ),
        )

    async def branch(
        self,
        image_id: str,
        *,
        change: BranchBodyChange,
        at: str | Unset | None = UNSET,
    ) -> Job:
        """Make a picture again with something changed, there or in a picture that it came from.

        Everything between that one and this one is made again, each from what came of the one before. Answers with
        the first job."""
        return await self._ask(
            "POST",
            path_of(
                "/api/v1/history/{image_id}/branch",
                image_id=image_id,
            ),
            Job,
            body=only_given(
                change=change,
                at=at,
            ),
        )

    async def duplicates(
        self,
        body: Img2Img | Inpaint | Txt2Img | Upscale,
    ) -> Duplicates:
        """The pictures of history that a request would make again, pixel for pixel. Nothing is made."""
        return await self._ask(
            "POST",
            "/api/v1/duplicates",
            Duplicates,
            body=body,
        )


class ImportsOperations:
    """Operations of imports."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def all_imports(
        self,
    ) -> ImportList:
        """All imports, newest first. `import` events bring them up to date."""
        return self._ask(
            "GET",
            "/api/v1/history/imports",
            ImportList,
        )

    def import_folder(
        self,
        *,
        folder: str,
        watch: bool | Unset = UNSET,
    ) -> Import:
        """Take a folder into history. It is written down when this answers; one that is known is looked through again.

        Pictures stay where they are. However Easel ends, it goes on where it stopped, and nothing is taken in twice."""
        return self._ask(
            "POST",
            "/api/v1/history/imports",
            Import,
            body=only_given(
                folder=folder,
                watch=watch,
            ),
        )

    def look_for_imports(
        self,
        *,
        folder: str,
    ) -> ImportLook:
        """How many pictures lie in a folder and all folders in it; nothing is read yet."""
        return self._ask(
            "POST",
            "/api/v1/history/imports/look",
            ImportLook,
            body=only_given(
                folder=folder,
            ),
        )

    def one_import(
        self,
        import_id: str,
    ) -> Import:
        """One import."""
        return self._ask(
            "GET",
            path_of(
                "/api/v1/history/imports/{import_id}",
                import_id=import_id,
            ),
            Import,
        )

    def forget_import(
        self,
        import_id: str,
    ) -> None:
        """Forget an import that is at rest. Its pictures stay in history."""
        return self._ask(
            "DELETE",
            path_of(
                "/api/v1/history/imports/{import_id}",
                import_id=import_id,
            ),
            None,
        )

    def watch_import(
        self,
        import_id: str,
        *,
        watch: bool,
    ) -> Import:
        """Keep an eye on its folder from now on, or no longer."""
        return self._ask(
            "PATCH",
            path_of(
                "/api/v1/history/imports/{import_id}",
                import_id=import_id,
            ),
            Import,
            body=only_given(
                watch=watch,
            ),
        )

    def import_files(
        self,
        import_id: str,
        *,
        offset: int = 0,
        limit: int = 60,
        state: ImportFilesStateType0 | None = None,
    ) -> ImportFiles:
        """Files of an import by path, with what became of each."""
        return self._ask(
            "GET",
            path_of(
                "/api/v1/history/imports/{import_id}/files",
                import_id=import_id,
            ),
            ImportFiles,
            query={
                "offset": offset,
                "limit": limit,
                "state": state,
            },
        )

    def pause_import(
        self,
        import_id: str,
    ) -> Import:
        """Read nothing more for now."""
        return self._ask(
            "POST",
            path_of(
                "/api/v1/history/imports/{import_id}/pause",
                import_id=import_id,
            ),
            Import,
        )

    def resume_import(
        self,
        import_id: str,
    ) -> Import:
        """Go on where it stopped; where it has ended, look through the folder again."""
        return self._ask(
            "POST",
            path_of(
                "/api/v1/history/imports/{import_id}/resume",
                import_id=import_id,
            ),
            Import,
        )

    def cancel_import(
        self,
        import_id: str,
    ) -> Import:
        """End it. What was taken in stays."""
        return self._ask(
            "POST",
            path_of(
                "/api/v1/history/imports/{import_id}/cancel",
                import_id=import_id,
            ),
            Import,
        )


class AsyncImportsOperations:
    """Operations of imports."""

    def __init__(self, ask: AsyncAsk) -> None:
        self._ask = ask

    async def all_imports(
        self,
    ) -> ImportList:
        """All imports, newest first. `import` events bring them up to date."""
        return await self._ask(
            "GET",
            "/api/v1/history/imports",
            ImportList,
        )

    async def import_folder(
        self,
        *,
        folder: str,
        watch: bool | Unset = UNSET,
    ) -> Import:
        """Take a folder into history. It is written down when this answers; one that is known is looked through again.

        Pictures stay where they are. However Easel ends, it goes on where it stopped, and nothing is taken in twice."""
        return await self._ask(
            "POST",
            "/api/v1/history/imports",
            Import,
            body=only_given(
                folder=folder,
                watch=watch,
            ),
        )

    async def look_for_imports(
        self,
        *,
        folder: str,
    ) -> ImportLook:
        """How many pictures lie in a folder and all folders in it; nothing is read yet."""
        return await self._ask(
            "POST",
            "/api/v1/history/imports/look",
            ImportLook,
            body=only_given(
                folder=folder,
            ),
        )

    async def one_import(
        self,
        import_id: str,
    ) -> Import:
        """One import."""
        return await self._ask(
            "GET",
            path_of(
                "/api/v1/history/imports/{import_id}",
                import_id=import_id,
            ),
            Import,
        )

    async def forget_import(
        self,
        import_id: str,
    ) -> None:
        """Forget an import that is at rest. Its pictures stay in history."""
        return await self._ask(
            "DELETE",
            path_of(
                "/api/v1/history/imports/{import_id}",
                import_id=import_id,
            ),
            None,
        )

    async def watch_import(
        self,
        import_id: str,
        *,
        watch: bool,
    ) -> Import:
        """Keep an eye on its folder from now on, or no longer."""
        return await self._ask(
            "PATCH",
            path_of(
                "/api/v1/history/imports/{import_id}",
                import_id=import_id,
            ),
            Import,
            body=only_given(
                watch=watch,
            ),
        )

    async def import_files(
        self,
        import_id: str,
        *,
        offset: int = 0,
        limit: int = 60,
        state: ImportFilesStateType0 | None = None,
    ) -> ImportFiles:
        """Files of an import by path, with what became of each."""
        return await self._ask(
            "GET",
            path_of(
                "/api/v1/history/imports/{import_id}/files",
                import_id=import_id,
            ),
            ImportFiles,
            query={
                "offset": offset,
                "limit": limit,
                "state": state,
            },
        )

    async def pause_import(
        self,
        import_id: str,
    ) -> Import:
        """Read nothing more for now."""
        return await self._ask(
            "POST",
            path_of(
                "/api/v1/history/imports/{import_id}/pause",
                import_id=import_id,
            ),
            Import,
        )

    async def resume_import(
        self,
        import_id: str,
    ) -> Import:
        """Go on where it stopped; where it has ended, look through the folder again."""
        return await self._ask(
            "POST",
            path_of(
                "/api/v1/history/imports/{import_id}/resume",
                import_id=import_id,
            ),
            Import,
        )

    async def cancel_import(
        self,
        import_id: str,
    ) -> Import:
        """End it. What was taken in stays."""
        return await self._ask(
            "POST",
            path_of(
                "/api/v1/history/imports/{import_id}/cancel",
                import_id=import_id,
            ),
            Import,
        )


class HistoryOperations:
    """Operations of history."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def act_on_search(
        self,
        *,
        query: str,
        newest: str,
        act: ActOnSearchActBodyAct,
        undo: str,
        without: list[str] | Unset = UNSET,
        change: ActOnSearchActBodyChangeType0 | Unset | None = UNSET,
        below: str | Unset | None = UNSET,
    ) -> BulkSlice:
        """Mark all that a search finds, put it into the trash or take it out, for half a second; go on with below=next."""
        return self._ask(
            "POST",
            "/api/v1/history/acts",
            BulkSlice,
            body=only_given(
                query=query,
                newest=newest,
                act=act,
                undo=undo,
                without=without,
                change=change,
                below=below,
            ),
        )

    def undo_act(
        self,
        token: str,
    ) -> BulkUndone:
        """Take back what was done with all that a search found, for half a second; once more as long as there is more."""
        return self._ask(
            "POST",
            path_of(
                "/api/v1/history/acts/{token}/undo",
                token=token,
            ),
            BulkUndone,
        )

    def history(
        self,
        *,
        q: str = "",
        limit: int = 60,
        before: str | None = None,
    ) -> HistoryPage:
        """Pictures newest first, all or those that a search finds; ask for the next page with before=next."""
        return self._ask(
            "GET",
            "/api/v1/history",
            HistoryPage,
            query={
                "q": q,
                "limit": limit,
                "before": before,
            },
        )

    def history_cards(
        self,
        *,
        q: str = "",
        limit: int = 60,
        before: str | None = None,
    ) -> HistoryCards:
        """The same pages as a grid shows them: without what made each picture, and so much quicker."""
        return self._ask(
            "GET",
            "/api/v1/history/cards",
            HistoryCards,
            query={
                "q": q,
                "limit": limit,
                "before": before,
            },
        )

    def history_count(
        self,
        *,
        q: str = "",
    ) -> HistoryCount:
        """How many pictures a search finds."""
        return self._ask(
            "GET",
            "/api/v1/history/count",
            HistoryCount,
            query={
                "q": q,
            },
        )

    def history_terms(
        self,
        *,
        q: str = "",
    ) -> SearchTerms:
        """A search term by term, each with what is wrong with it."""
        return self._ask(
            "GET",
            "/api/v1/history/terms",
            SearchTerms,
            query={
                "q": q,
            },
        )

    def history_completions(
        self,
        *,
        q: str = "",
        caret: int | None = None,
    ) -> SearchWaysOn:
        """Ways on for a search that is being typed."""
        return self._ask(
            "GET",
            "/api/v1/history/completions",
            SearchWaysOn,
            query={
                "q": q,
                "caret": caret,
            },
        )

    def history_facets(
        self,
        *,
        q: str = "",
    ) -> Facets:
        """What the pictures of a search have, and how many of them."""
        return self._ask(
            "GET",
            "/api/v1/history/facets",
            Facets,
            query={
                "q": q,
            },
        )

    def saved_searches(
        self,
    ) -> SavedSearches:
        """Saved searches with what they find now."""
        return self._ask(
            "GET",
            "/api/v1/history/searches",
            SavedSearches,
        )

    def save_search(
        self,
        name: str,
        *,
        query: str,
    ) -> SavedSearch:
        """Keep a search by name, of at most 100 characters; an earlier one of that name makes room."""
        return self._ask(
            "PUT",
            path_of(
                "/api/v1/history/searches/{name}",
                name=name,
            ),
            SavedSearch,
            body=only_given(
                query=query,
            ),
        )

    def delete_search(
        self,
        name: str,
    ) -> SavedSearch:
        """Forget a saved search. The answer says what it was."""
        return self._ask(
            "DELETE",
            path_of(
                "/api/v1/history/searches/{name}",
                name=name,
            ),
            SavedSearch,
        )

    def mark_images(
        self,
        *,
        ids: list[str],
        favourite: bool | Unset = UNSET,
        rating: int | Unset | None = UNSET,
        note: str | Unset = UNSET,
        add_tags: list[str] | Unset = UNSET,
        remove_tags: list[str] | Unset = UNSET,
    ) -> MarksBefore:
        """Say something of up to 10,000 pictures. The answer, sent to /history/images/marks, takes it back."""
        return self._ask(
            "PATCH",
            "/api/v1/history/images",
            MarksBefore,
            body=only_given(
                ids=ids,
                favourite=favourite,
                rating=rating,
                note=note,
                add_tags=add_tags,
                remove_tags=remove_tags,
            ),
        )

    def put_back_marks(
        self,
        *,
        before: list[PutBackMarksBeforeBodyMarks],
    ) -> Changed:
        """Say of each picture exactly what stands here, as PATCH /history/images answered it."""
        return self._ask(
            "PUT",
            "/api/v1/history/images/marks",
            Changed,
            body=only_given(
                before=before,
            ),
        )

    def trash_images(
        self,
        body: TrashImagesPictures,
    ) -> Trashed:
        """Put pictures into the trash: only a search for is:trash shows them then. Their files stay."""
        return self._ask(
            "POST",
            "/api/v1/history/trash",
            Trashed,
            body=body,
        )

    def restore_images(
        self,
        body: RestoreImagesPictures,
    ) -> Restored:
        """Take pictures out of the trash."""
        return self._ask(
            "POST",
            "/api/v1/history/restore",
            Restored,
            body=body,
        )

    def empty_trash(
        self,
        body: EmptyTrashNothing,
    ) -> Emptied:
        """Delete for good what is in the trash, with its files; of pictures of other programs the files stay where they
        are."""
        return self._ask(
            "POST",
            "/api/v1/history/trash/empty",
            Emptied,
            body=body,
        )

    def history_item(
        self,
        image_id: str,
    ) -> Image:
        """One picture with every parameter."""
        return self._ask(
            "GET",
            path_of(
                "/api/v1/history/{image_id}",
                image_id=image_id,
            ),
            Image,
        )


class AsyncHistoryOperations:
    """Operations of history."""

    def __init__(self, ask: AsyncAsk) -> None:
        self._ask = ask

    async def act_on_search(
        self,
        *,
        query: str,
        newest: str,
        act: ActOnSearchActBodyAct,
        undo: str,
        without: list[str] | Unset = UNSET,
        change: ActOnSearchActBodyChangeType0 | Unset | None = UNSET,
        below: str | Unset | None = UNSET,
    ) -> BulkSlice:
        """Mark all that a search finds, put it into the trash or take it out, for half a second; go on with below=next."""
        return await self._ask(
            "POST",
            "/api/v1/history/acts",
            BulkSlice,
            body=only_given(
                query=query,
                newest=newest,
                act=act,
                undo=undo,
                without=without,
                change=change,
                below=below,
            ),
        )

    async def undo_act(
        self,
        token: str,
    ) -> BulkUndone:
        """Take back what was done with all that a search found, for half a second; once more as long as there is more."""
        return await self._ask(
            "POST",
            path_of(
                "/api/v1/history/acts/{token}/undo",
                token=token,
            ),
            BulkUndone,
        )

    async def history(
        self,
        *,
        q: str = "",
        limit: int = 60,
        before: str | None = None,
    ) -> HistoryPage:
        """Pictures newest first, all or those that a search finds; ask for the next page with before=next."""
        return await self._ask(
            "GET",
            "/api/v1/history",
            HistoryPage,
            query={
                "q": q,
                "limit": limit,
                "before": before,
            },
        )

    async def history_cards(
        self,
        *,
        q: str = "",
        limit: int = 60,
        before: str | None = None,
    ) -> HistoryCards:
        """The same pages as a grid shows them: without what made each picture, and so much quicker."""
        return await self._ask(
            "GET",
            "/api/v1/history/cards",
            HistoryCards,
            query={
                "q": q,
                "limit": limit,
                "before": before,
            },
        )

    async def history_count(
        self,
        *,
        q: str = "",
    ) -> HistoryCount:
        """How many pictures a search finds."""
        return await self._ask(
            "GET",
            "/api/v1/history/count",
            HistoryCount,
            query={
                "q": q,
            },
        )

    async def history_terms(
        self,
        *,
        q: str = "",
    ) -> SearchTerms:
        """A search term by term, each with what is wrong with it."""
        return await self._ask(
            "GET",
            "/api/v1/history/terms",
            SearchTerms,
            query={
                "q": q,
            },
        )

    async def history_completions(
        self,
        *,
        q: str = "",
        caret: int | None = None,
    ) -> SearchWaysOn:
        """Ways on for a search that is being typed."""
        return await self._ask(
            "GET",
            "/api/v1/history/completions",
            SearchWaysOn,
            query={
                "q": q,
                "caret": caret,
            },
        )

    async def history_facets(
        self,
        *,
        q: str = "",
    ) -> Facets:
        """What the pictures of a search have, and how many of them."""
        return await self._ask(
            "GET",
            "/api/v1/history/facets",
            Facets,
            query={
                "q": q,
            },
        )

    async def saved_searches(
        self,
    ) -> SavedSearches:
        """Saved searches with what they find now."""
        return await self._ask(
            "GET",
            "/api/v1/history/searches",
            SavedSearches,
        )

    async def save_search(
        self,
        name: str,
        *,
        query: str,
    ) -> SavedSearch:
        """Keep a search by name, of at most 100 characters; an earlier one of that name makes room."""
        return await self._ask(
            "PUT",
            path_of(
                "/api/v1/history/searches/{name}",
                name=name,
            ),
            SavedSearch,
            body=only_given(
                query=query,
            ),
        )

    async def delete_search(
        self,
        name: str,
    ) -> SavedSearch:
        """Forget a saved search. The answer says what it was."""
        return await self._ask(
            "DELETE",
            path_of(
                "/api/v1/history/searches/{name}",
                name=name,
            ),
            SavedSearch,
        )

    async def mark_images(
        self,
        *,
        ids: list[str],
        favourite: bool | Unset = UNSET,
        rating: int | Unset | None = UNSET,
        note: str | Unset = UNSET,
        add_tags: list[str] | Unset = UNSET,
        remove_tags: list[str] | Unset = UNSET,
    ) -> MarksBefore:
        """Say something of up to 10,000 pictures. The answer, sent to /history/images/marks, takes it back."""
        return await self._ask(
            "PATCH",
            "/api/v1/history/images",
            MarksBefore,
            body=only_given(
                ids=ids,
                favourite=favourite,
                rating=rating,
                note=note,
                add_tags=add_tags,
                remove_tags=remove_tags,
            ),
        )

    async def put_back_marks(
        self,
        *,
        before: list[PutBackMarksBeforeBodyMarks],
    ) -> Changed:
        """Say of each picture exactly what stands here, as PATCH /history/images answered it."""
        return await self._ask(
            "PUT",
            "/api/v1/history/images/marks",
            Changed,
            body=only_given(
                before=before,
            ),
        )

    async def trash_images(
        self,
        body: TrashImagesPictures,
    ) -> Trashed:
        """Put pictures into the trash: only a search for is:trash shows them then. Their files stay."""
        return await self._ask(
            "POST",
            "/api/v1/history/trash",
            Trashed,
            body=body,
        )

    async def restore_images(
        self,
        body: RestoreImagesPictures,
    ) -> Restored:
        """Take pictures out of the trash."""
        return await self._ask(
            "POST",
            "/api/v1/history/restore",
            Restored,
            body=body,
        )

    async def empty_trash(
        self,
        body: EmptyTrashNothing,
    ) -> Emptied:
        """Delete for good what is in the trash, with its files; of pictures of other programs the files stay where they
        are."""
        return await self._ask(
            "POST",
            "/api/v1/history/trash/empty",
            Emptied,
            body=body,
        )

    async def history_item(
        self,
        image_id: str,
    ) -> Image:
        """One picture with every parameter."""
        return await self._ask(
            "GET",
            path_of(
                "/api/v1/history/{image_id}",
                image_id=image_id,
            ),
            Image,
        )


class ExportsOperations:
    """Operations of exports."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def analysis(
        self,
        *,
        q: str = "",
    ) -> Analysis:
        """What the newest pictures that a search finds say together: activity, words over time, what good ones have in
        common, edits."""
        return self._ask(
            "GET",
            "/api/v1/history/analysis",
            Analysis,
            query={
                "q": q,
            },
        )

    def export_lines(
        self,
        *,
        q: str = "",
    ) -> bytes:
        """All pictures, or those that a search finds, newest first: one JSON object a line, with parameters, marks and
        request."""
        return self._ask(
            "GET",
            "/api/v1/history/export.jsonl",
            bytes,
            query={
                "q": q,
            },
        )

    def export_zip(
        self,
        body: ExportZipChosen,
    ) -> ZipExport:
        """Choose pictures to be fetched as a zip, from the address that is answered."""
        return self._ask(
            "POST",
            "/api/v1/history/exports",
            ZipExport,
            body=body,
        )

    def exported_zip(
        self,
        token: str,
    ) -> bytes:
        """The chosen pictures, packed while they are sent. Files that are gone are named in missing.txt."""
        return self._ask(
            "GET",
            path_of(
                "/api/v1/history/exports/{token}.zip",
                token=token,
            ),
            bytes,
        )

    def export_to_folder(
        self,
        body: ExportToFolderToFolder,
    ) -> FolderExport:
        """For administrators: copy pictures into a folder. Nothing there is overwritten, and what lies there isn't
        written again.

        All that a search finds is copied in slices of a second: go on with below=next."""
        return self._ask(
            "POST",
            "/api/v1/history/exports/folder",
            FolderExport,
            body=body,
        )


class AsyncExportsOperations:
    """Operations of exports."""

    def __init__(self, ask: AsyncAsk) -> None:
        self._ask = ask

    async def analysis(
        self,
        *,
        q: str = "",
    ) -> Analysis:
        """What the newest pictures that a search finds say together: activity, words over time, what good ones have in
        common, edits."""
        return await self._ask(
            "GET",
            "/api/v1/history/analysis",
            Analysis,
            query={
                "q": q,
            },
        )

    async def export_lines(
        self,
        *,
        q: str = "",
    ) -> bytes:
        """All pictures, or those that a search finds, newest first: one JSON object a line, with parameters, marks and
        request."""
        return await self._ask(
            "GET",
            "/api/v1/history/export.jsonl",
            bytes,
            query={
                "q": q,
            },
        )

    async def export_zip(
        self,
        body: ExportZipChosen,
    ) -> ZipExport:
        """Choose pictures to be fetched as a zip, from the address that is answered."""
        return await self._ask(
            "POST",
            "/api/v1/history/exports",
            ZipExport,
            body=body,
        )

    async def exported_zip(
        self,
        token: str,
    ) -> bytes:
        """The chosen pictures, packed while they are sent. Files that are gone are named in missing.txt."""
        return await self._ask(
            "GET",
            path_of(
                "/api/v1/history/exports/{token}.zip",
                token=token,
            ),
            bytes,
        )

    async def export_to_folder(
        self,
        body: ExportToFolderToFolder,
    ) -> FolderExport:
        """For administrators: copy pictures into a folder. Nothing there is overwritten, and what lies there isn't
        written again.

        All that a search finds is copied in slices of a second: go on with below=next."""
        return await self._ask(
            "POST",
            "/api/v1/history/exports/folder",
            FolderExport,
            body=body,
        )


class PicturesOperations:
    """Operations of pictures."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def image(
        self,
        image_id: str,
        *,
        download: bool = False,
    ) -> bytes:
        """The picture itself: one of history by its id, as it was saved, with its recipe inside; an uploaded one by its
        SHA-256."""
        return self._ask(
            "GET",
            path_of(
                "/api/v1/images/{image_id}",
                image_id=image_id,
            ),
            bytes,
            query={
                "download": download,
            },
        )

    def is_there(
        self,
        image_id: str,
    ) -> None:
        """Whether a picture is there, by id or SHA-256. Asking for one that was uploaded lengthens its life."""
        return self._ask(
            "HEAD",
            path_of(
                "/api/v1/images/{image_id}",
                image_id=image_id,
            ),
            None,
        )

    def source(
        self,
        image_id: str,
    ) -> bytes:
        """What a picture of history started from, as large as it and in its place, to be compared with it."""
        return self._ask(
            "GET",
            path_of(
                "/api/v1/images/{image_id}/source",
                image_id=image_id,
            ),
            bytes,
        )

    def thumbnail(
        self,
        image_id: str,
    ) -> bytes:
        """A WebP of at most 384 px."""
        return self._ask(
            "GET",
            path_of(
                "/api/v1/thumbnails/{image_id}",
                image_id=image_id,
            ),
            bytes,
        )

    def live(
        self,
        job_id: str,
    ) -> bytes:
        """A live picture (PNG), held in memory for a while."""
        return self._ask(
            "GET",
            path_of(
                "/api/v1/live/{job_id}",
                job_id=job_id,
            ),
            bytes,
        )

    def enlarge(
        self,
        image_id: str,
        *,
        hires_refiner: EnlargeBodyRefines | Unset = UNSET,
        hires_scale: float | Unset = UNSET,
        hires_width: int | Unset = UNSET,
        hires_height: int | Unset = UNSET,
        hires_steps: int | Unset = UNSET,
        denoising_strength: float | Unset = UNSET,
        hires_upscaler: str | Unset = UNSET,
        hires_checkpoint: str | Unset = UNSET,
        hires_sampler: str | Unset = UNSET,
        hires_schedule_type: str | Unset = UNSET,
        hires_cfg_scale: float | Unset = UNSET,
        hires_prompt: str | Unset = UNSET,
        hires_negative_prompt: str | Unset = UNSET,
        film: bool | None = None,
    ) -> Job:
        """Make a picture again, from the same seed, with a hires pass; fields left out are the picture's own."""
        return self._ask(
            "POST",
            path_of(
                "/api/v1/images/{image_id}/hires",
                image_id=image_id,
            ),
            Job,
            query={
                "film": film,
            },
            body=only_given(
                hires_refiner=hires_refiner,
                hires_scale=hires_scale,
                hires_width=hires_width,
                hires_height=hires_height,
                hires_steps=hires_steps,
                denoising_strength=denoising_strength,
                hires_upscaler=hires_upscaler,
                hires_checkpoint=hires_checkpoint,
                hires_sampler=hires_sampler,
                hires_schedule_type=hires_schedule_type,
                hires_cfg_scale=hires_cfg_scale,
                hires_prompt=hires_prompt,
                hires_negative_prompt=hires_negative_prompt,
            ),
        )

    def example(
        self,
        example_id: str,
    ) -> bytes:
        """The picture of an example of the first visit."""
        return self._ask(
            "GET",
            path_of(
                "/api/v1/examples/{example_id}",
                example_id=example_id,
            ),
            bytes,
        )

    def open_pictures_folder(
        self,
    ) -> None:
        """Show the pictures folder on the desktop of Easel's machine."""
        return self._ask(
            "POST",
            "/api/v1/pictures/open-folder",
            None,
        )

    def open_folder_of(
        self,
        image_id: str,
    ) -> None:
        """Show one picture in its folder on the desktop of Easel's machine."""
        return self._ask(
            "POST",
            path_of(
                "/api/v1/images/{image_id}/open-folder",
                image_id=image_id,
            ),
            None,
        )

    def upload(
        self,
        body: bytes,
        content_type: str = "image/png",
    ) -> StoredImage:
        """Take a picture that requests can refer to by its SHA-256: its bytes, with their own Content-Type.

        The same bytes again cost nothing. Ask with HEAD /images/{sha256} first, so that nothing is sent twice; a
        picture
        of history is there already. It stays while a job refers to it, and for a week beside that
        (keep_uploads_hours)."""
        return self._ask(
            "POST",
            "/api/v1/images",
            StoredImage,
            body=body,
            content_type=content_type,
        )

    def film(
        self,
        image_id: str,
    ) -> FilmAnswer:
        """The frames of a picture's film, in order; 404 where it was not filmed, or its film has made room for newer
        ones."""
        return self._ask(
            "GET",
            path_of(
                "/api/v1/images/{image_id}/film",
                image_id=image_id,
            ),
            FilmAnswer,
        )

    def export(
        self,
        image_id: str,
        *,
        form: ExportForm = "webp",
        per_second: int = 10,
    ) -> bytes:
        """The film as one picture that moves, with the finished picture at its end; at most 512 px."""
        return self._ask(
            "GET",
            path_of(
                "/api/v1/images/{image_id}/film/export",
                image_id=image_id,
            ),
            bytes,
            query={
                "form": form,
                "per_second": per_second,
            },
        )

    def frame(
        self,
        image_id: str,
        number: int,
    ) -> bytes:
        """One frame, by its number from 1: a WebP of at most 512 px."""
        return self._ask(
            "GET",
            path_of(
                "/api/v1/images/{image_id}/film/{number}",
                image_id=image_id,
                number=number,
            ),
            bytes,
        )


class AsyncPicturesOperations:
    """Operations of pictures."""

    def __init__(self, ask: AsyncAsk) -> None:
        self._ask = ask

    async def image(
        self,
        image_id: str,
        *,
        download: bool = False,
    ) -> bytes:
        """The picture itself: one of history by its id, as it was saved, with its recipe inside; an uploaded one by its
        SHA-256."""
        return await self._ask(
            "GET",
            path_of(
                "/api/v1/images/{image_id}",
                image_id=image_id,
            ),
            bytes,
            query={
                "download": download,
            },
        )

    async def is_there(
        self,
        image_id: str,
    ) -> None:
        """Whether a picture is there, by id or SHA-256. Asking for one that was uploaded lengthens its life."""
        return await self._ask(
            "HEAD",
            path_of(
                "/api/v1/images/{image_id}",
                image_id=image_id,
            ),
            None,
        )

    async def source(
        self,
        image_id: str,
    ) -> bytes:
        """What a picture of history started from, as large as it and in its place, to be compared with it."""
        return await self._ask(
            "GET",
            path_of(
                "/api/v1/images/{image_id}/source",
                image_id=image_id,
            ),
            bytes,
        )

    async def thumbnail(
        self,
        image_id: str,
    ) -> bytes:
        """A WebP of at most 384 px."""
        return await self._ask(
            "GET",
            path_of(
                "/api/v1/thumbnails/{image_id}",
                image_id=image_id,
            ),
            bytes,
        )

    async def live(
        self,
        job_id: str,
    ) -> bytes:
        """A live picture (PNG), held in memory for a while."""
        return await self._ask(
            "GET",
            path_of(
                "/api/v1/live/{job_id}",
                job_id=job_id,
            ),
            bytes,
        )

    async def enlarge(
        self,
        image_id: str,
        *,
        hires_refiner: EnlargeBodyRefines | Unset = UNSET,
        hires_scale: float | Unset = UNSET,
        hires_width: int | Unset = UNSET,
        hires_height: int | Unset = UNSET,
        hires_steps: int | Unset = UNSET,
        denoising_strength: float | Unset = UNSET,
        hires_upscaler: str | Unset = UNSET,
        hires_checkpoint: str | Unset = UNSET,
        hires_sampler: str | Unset = UNSET,
        hires_schedule_type: str | Unset = UNSET,
        hires_cfg_scale: float | Unset = UNSET,
        hires_prompt: str | Unset = UNSET,
        hires_negative_prompt: str | Unset = UNSET,
        film: bool | None = None,
    ) -> Job:
        """Make a picture again, from the same seed, with a hires pass; fields left out are the picture's own."""
        return await self._ask(
            "POST",
            path_of(
                "/api/v1/images/{image_id}/hires",
                image_id=image_id,
            ),
            Job,
            query={
                "film": film,
            },
            body=only_given(
                hires_refiner=hires_refiner,
                hires_scale=hires_scale,
                hires_width=hires_width,
                hires_height=hires_height,
                hires_steps=hires_steps,
                denoising_strength=denoising_strength,
                hires_upscaler=hires_upscaler,
                hires_checkpoint=hires_checkpoint,
                hires_sampler=hires_sampler,
                hires_schedule_type=hires_schedule_type,
                hires_cfg_scale=hires_cfg_scale,
                hires_prompt=hires_prompt,
                hires_negative_prompt=hires_negative_prompt,
            ),
        )

    async def example(
        self,
        example_id: str,
    ) -> bytes:
        """The picture of an example of the first visit."""
        return await self._ask(
            "GET",
            path_of(
                "/api/v1/examples/{example_id}",
                example_id=example_id,
            ),
            bytes,
        )

    async def open_pictures_folder(
        self,
    ) -> None:
        """Show the pictures folder on the desktop of Easel's machine."""
        return await self._ask(
            "POST",
            "/api/v1/pictures/open-folder",
            None,
        )

    async def open_folder_of(
        self,
        image_id: str,
    ) -> None:
        """Show one picture in its folder on the desktop of Easel's machine."""
        return await self._ask(
            "POST",
            path_of(
                "/api/v1/images/{image_id}/open-folder",
                image_id=image_id,
            ),
            None,
        )

    async def upload(
        self,
        body: bytes,
        content_type: str = "image/png",
    ) -> StoredImage:
        """Take a picture that requests can refer to by its SHA-256: its bytes, with their own Content-Type.

        The same bytes again cost nothing. Ask with HEAD /images/{sha256} first, so that nothing is sent twice; a
        picture
        of history is there already. It stays while a job refers to it, and for a week beside that
        (keep_uploads_hours)."""
        return await self._ask(
            "POST",
            "/api/v1/images",
            StoredImage,
            body=body,
            content_type=content_type,
        )

    async def film(
        self,
        image_id: str,
    ) -> FilmAnswer:
        """The frames of a picture's film, in order; 404 where it was not filmed, or its film has made room for newer
        ones."""
        return await self._ask(
            "GET",
            path_of(
                "/api/v1/images/{image_id}/film",
                image_id=image_id,
            ),
            FilmAnswer,
        )

    async def export(
        self,
        image_id: str,
        *,
        form: ExportForm = "webp",
        per_second: int = 10,
    ) -> bytes:
        """The film as one picture that moves, with the finished picture at its end; at most 512 px."""
        return await self._ask(
            "GET",
            path_of(
                "/api/v1/images/{image_id}/film/export",
                image_id=image_id,
            ),
            bytes,
            query={
                "form": form,
                "per_second": per_second,
            },
        )

    async def frame(
        self,
        image_id: str,
        number: int,
    ) -> bytes:
        """One frame, by its number from 1: a WebP of at most 512 px."""
        return await self._ask(
            "GET",
            path_of(
                "/api/v1/images/{image_id}/film/{number}",
                image_id=image_id,
                number=number,
            ),
            bytes,
        )


class ControlOperations:
    """Operations of control."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def choices(
        self,
        *,
        checkpoint: str = "",
    ) -> ControlChoices:
        """Models that steer a checkpoint, preprocessors with their thresholds, and the modes of a control."""
        return self._ask(
            "GET",
            "/api/v1/control",
            ControlChoices,
            query={
                "checkpoint": checkpoint,
            },
        )

    def control_preview(
        self,
        *,
        image: str,
        width: int,
        height: int,
        kind: ControlPreviewKind = "controlnet",
        preprocessor: str = "none",
        resize_mode: ControlPreviewResizeMode = "Crop and Resize",
        processor_res: int = 0,
        threshold_a: float = -1.0,
        threshold_b: float = -1.0,
    ) -> bytes:
        """A picture as a ControlNet sees it, at the size that is drawn, or as an IP-Adapter's image encoder does (PNG)."""
        return self._ask(
            "GET",
            "/api/v1/control/preview",
            bytes,
            query={
                "image": image,
                "width": width,
                "height": height,
                "kind": kind,
                "preprocessor": preprocessor,
                "resize_mode": resize_mode,
                "processor_res": processor_res,
                "threshold_a": threshold_a,
                "threshold_b": threshold_b,
            },
        )


class AsyncControlOperations:
    """Operations of control."""

    def __init__(self, ask: AsyncAsk) -> None:
        self._ask = ask

    async def choices(
        self,
        *,
        checkpoint: str = "",
    ) -> ControlChoices:
        """Models that steer a checkpoint, preprocessors with their thresholds, and the modes of a control."""
        return await self._ask(
            "GET",
            "/api/v1/control",
            ControlChoices,
            query={
                "checkpoint": checkpoint,
            },
        )

    async def control_preview(
        self,
        *,
        image: str,
        width: int,
        height: int,
        kind: ControlPreviewKind = "controlnet",
        preprocessor: str = "none",
        resize_mode: ControlPreviewResizeMode = "Crop and Resize",
        processor_res: int = 0,
        threshold_a: float = -1.0,
        threshold_b: float = -1.0,
    ) -> bytes:
        """A picture as a ControlNet sees it, at the size that is drawn, or as an IP-Adapter's image encoder does (PNG)."""
        return await self._ask(
            "GET",
            "/api/v1/control/preview",
            bytes,
            query={
                "image": image,
                "width": width,
                "height": height,
                "kind": kind,
                "preprocessor": preprocessor,
                "resize_mode": resize_mode,
                "processor_res": processor_res,
                "threshold_a": threshold_a,
                "threshold_b": threshold_b,
            },
        )


class FinishingOperations:
    """Operations of finishing."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def steps(
        self,
    ) -> FinishingSteps:
        """All steps of a finishing chain with their fields; where a field is a model, with those that are here."""
        return self._ask(
            "GET",
            "/api/v1/finishing",
            FinishingSteps,
        )

    def presets(
        self,
    ) -> PresetList:
        """Chains kept by name."""
        return self._ask(
            "GET",
            "/api/v1/finishing/presets",
            PresetList,
        )

    def save_preset(
        self,
        body: FinishingPreset,
    ) -> PresetAnswer:
        """Keep a chain: a new one, other steps for the one of that name, or (with `was`) another name for one."""
        return self._ask(
            "PUT",
            "/api/v1/finishing/presets",
            PresetAnswer,
            body=body,
        )

    def delete_preset(
        self,
        *,
        name: str,
    ) -> PresetAnswer:
        """Delete a preset. The answer, sent back by PUT, keeps it again."""
        return self._ask(
            "DELETE",
            "/api/v1/finishing/presets",
            PresetAnswer,
            query={
                "name": name,
            },
        )


class AsyncFinishingOperations:
    """Operations of finishing."""

    def __init__(self, ask: AsyncAsk) -> None:
        self._ask = ask

    async def steps(
        self,
    ) -> FinishingSteps:
        """All steps of a finishing chain with their fields; where a field is a model, with those that are here."""
        return await self._ask(
            "GET",
            "/api/v1/finishing",
            FinishingSteps,
        )

    async def presets(
        self,
    ) -> PresetList:
        """Chains kept by name."""
        return await self._ask(
            "GET",
            "/api/v1/finishing/presets",
            PresetList,
        )

    async def save_preset(
        self,
        body: FinishingPreset,
    ) -> PresetAnswer:
        """Keep a chain: a new one, other steps for the one of that name, or (with `was`) another name for one."""
        return await self._ask(
            "PUT",
            "/api/v1/finishing/presets",
            PresetAnswer,
            body=body,
        )

    async def delete_preset(
        self,
        *,
        name: str,
    ) -> PresetAnswer:
        """Delete a preset. The answer, sent back by PUT, keeps it again."""
        return await self._ask(
            "DELETE",
            "/api/v1/finishing/presets",
            PresetAnswer,
            query={
                "name": name,
            },
        )


class PresetsOperations:
    """Operations of presets."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def field_presets(
        self,
        *,
        page: FieldPresetsPageType0 | None = None,
    ) -> FieldPresetList:
        """Presets by name. `usable` are the fields that can be used here; `missing` says what can't, and why."""
        return self._ask(
            "GET",
            "/api/v1/presets",
            FieldPresetList,
            query={
                "page": page,
            },
        )

    def save_field_preset(
        self,
        body: SaveFieldPresetFieldPreset,
    ) -> FieldPresetAnswer:
        """Keep fields by name: new ones, others for those of that name, or (with `was`) under another name."""
        return self._ask(
            "PUT",
            "/api/v1/presets",
            FieldPresetAnswer,
            body=body,
        )

    def delete_field_preset(
        self,
        *,
        page: DeleteFieldPresetPage,
        name: str,
    ) -> FieldPresetAnswer:
        """Delete a preset. The answer's name, page, usual and fields, sent back by PUT, keep it again."""
        return self._ask(
            "DELETE",
            "/api/v1/presets",
            FieldPresetAnswer,
            query={
                "page": page,
                "name": name,
            },
        )

    def export_field_presets(
        self,
        *,
        page: ExportFieldPresetsPageType0 | None = None,
        name: str | None = None,
    ) -> bytes:
        """Presets as a small YAML file: all, those of a page, or one."""
        return self._ask(
            "GET",
            "/api/v1/presets/export.yaml",
            bytes,
            query={
                "page": page,
                "name": name,
            },
        )

    def import_field_presets(
        self,
        *,
        text: str,
    ) -> FieldPresetList:
        """Keep the presets of such a file, all or none; one whose name is taken gets a number behind it."""
        return self._ask(
            "POST",
            "/api/v1/presets/import",
            FieldPresetList,
            body=only_given(
                text=text,
            ),
        )


class AsyncPresetsOperations:
    """Operations of presets."""

    def __init__(self, ask: AsyncAsk) -> None:
        self._ask = ask

    async def field_presets(
        self,
        *,
        page: FieldPresetsPageType0 | None = None,
    ) -> FieldPresetList:
        """Presets by name. `usable` are the fields that can be used here; `missing` says what can't, and why."""
        return await self._ask(
            "GET",
            "/api/v1/presets",
            FieldPresetList,
            query={
                "page": page,
            },
        )

    async def save_field_preset(
        self,
        body: SaveFieldPresetFieldPreset,
    ) -> FieldPresetAnswer:
        """Keep fields by name: new ones, others for those of that name, or (with `was`) under another name."""
        return await self._ask(
            "PUT",
            "/api/v1/presets",
            FieldPresetAnswer,
            body=body,
        )

    async def delete_field_preset(
        self,
        *,
        page: DeleteFieldPresetPage,
        name: str,
    ) -> FieldPresetAnswer:
        """Delete a preset. The answer's name, page, usual and fields, sent back by PUT, keep it again."""
        return await self._ask(
            "DELETE",
            "/api/v1/presets",
            FieldPresetAnswer,
            query={
                "page": page,
                "name": name,
            },
        )

    async def export_field_presets(
        self,
        *,
        page: ExportFieldPresetsPageType0 | None = None,
        name: str | None = None,
    ) -> bytes:
        """Presets as a small YAML file: all, those of a page, or one."""
        return await self._ask(
            "GET",
            "/api/v1/presets/export.yaml",
            bytes,
            query={
                "page": page,
                "name": name,
            },
        )

    async def import_field_presets(
        self,
        *,
        text: str,
    ) -> FieldPresetList:
        """Keep the presets of such a file, all or none; one whose name is taken gets a number behind it."""
        return await self._ask(
            "POST",
            "/api/v1/presets/import",
            FieldPresetList,
            body=only_given(
                text=text,
            ),
        )


class ChoicesOperations:
    """Operations of choices."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def checkpoints(
        self,
    ) -> list[CheckpointAnswer]:
        """All checkpoints, unusable ones with their reason."""
        return self._ask(
            "GET",
            "/api/v1/checkpoints",
            list[CheckpointAnswer],
        )

    def sampler_list(
        self,
    ) -> SamplerList:
        """Samplers and schedules by label; those of add-ons as <id>/<label>."""
        return self._ask(
            "GET",
            "/api/v1/samplers",
            SamplerList,
        )

    def upscalers(
        self,
        *,
        hires: bool = False,
    ) -> list[UpscalerAnswer]:
        """What enlarges: built-in filters, the models that are here, and what add-ons offer. With hires=true those on
        latents, too."""
        return self._ask(
            "GET",
            "/api/v1/upscalers",
            list[UpscalerAnswer],
            query={
                "hires": hires,
            },
        )

    def parameters(
        self,
        *,
        kind: ParametersKind = "txt2img",
    ) -> list[ParameterAnswer]:
        """Every field of a request of that kind: label, help, default, range, unit."""
        return self._ask(
            "GET",
            "/api/v1/parameters",
            list[ParameterAnswer],
            query={
                "kind": kind,
            },
        )


class AsyncChoicesOperations:
    """Operations of choices."""

    def __init__(self, ask: AsyncAsk) -> None:
        self._ask = ask

    async def checkpoints(
        self,
    ) -> list[CheckpointAnswer]:
        """All checkpoints, unusable ones with their reason."""
        return await self._ask(
            "GET",
            "/api/v1/checkpoints",
            list[CheckpointAnswer],
        )

    async def sampler_list(
        self,
    ) -> SamplerList:
        """Samplers and schedules by label; those of add-ons as <id>/<label>."""
        return await self._ask(
            "GET",
            "/api/v1/samplers",
            SamplerList,
        )

    async def upscalers(
        self,
        *,
        hires: bool = False,
    ) -> list[UpscalerAnswer]:
        """What enlarges: built-in filters, the models that are here, and what add-ons offer. With hires=true those on
        latents, too."""
        return await self._ask(
            "GET",
            "/api/v1/upscalers",
            list[UpscalerAnswer],
            query={
                "hires": hires,
            },
        )

    async def parameters(
        self,
        *,
        kind: ParametersKind = "txt2img",
    ) -> list[ParameterAnswer]:
        """Every field of a request of that kind: label, help, default, range, unit."""
        return await self._ask(
            "GET",
            "/api/v1/parameters",
            list[ParameterAnswer],
            query={
                "kind": kind,
            },
        )


class SettingsOperations:
    """Operations of settings."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def settings(
        self,
    ) -> SettingsAnswer:
        """Every setting with its words, range and value."""
        return self._ask(
            "GET",
            "/api/v1/settings",
            SettingsAnswer,
        )

    def change_settings(
        self,
        *,
        values: ChangeSettingsBodyValues,
        revision: str | Unset | None = UNSET,
    ) -> SettingsAnswer:
        """Change settings, all or none; they take effect at once and are kept in settings.yaml."""
        return self._ask(
            "PATCH",
            "/api/v1/settings",
            SettingsAnswer,
            body=only_given(
                values=values,
                revision=revision,
            ),
        )

    def export_settings(
        self,
        *,
        everything: bool = False,
    ) -> bytes:
        """Settings as a YAML file: those that are not at their default, each below its help. What is read at start only
        is left out."""
        return self._ask(
            "GET",
            "/api/v1/settings/export.yaml",
            bytes,
            query={
                "everything": everything,
            },
        )

    def import_settings(
        self,
        *,
        text: str,
        apply: bool | Unset = UNSET,
        revision: str | Unset | None = UNSET,
    ) -> SettingsImport:
        """Set what a YAML text says, all or nothing; with apply=false only look at it.

        Where lines can't be used, the error has all of them in `problems`: line, name, message and hint."""
        return self._ask(
            "POST",
            "/api/v1/settings/import",
            SettingsImport,
            body=only_given(
                text=text,
                apply=apply,
                revision=revision,
            ),
        )

    def undo_settings(
        self,
        *,
        revision: str | Unset | None = UNSET,
    ) -> SettingsAnswer:
        """Take back the last change of settings since Easel was started; again for the one before it."""
        return self._ask(
            "POST",
            "/api/v1/settings/undo",
            SettingsAnswer,
            body=only_given(
                revision=revision,
            ),
        )

    def example_path(
        self,
        *,
        folder_pattern: str | None = None,
        name_pattern: str | None = None,
    ) -> ExamplePath:
        """Where a picture would go with these patterns (those in force where one is left out)."""
        return self._ask(
            "GET",
            "/api/v1/settings/example-path",
            ExamplePath,
            query={
                "folder_pattern": folder_pattern,
                "name_pattern": name_pattern,
            },
        )


class AsyncSettingsOperations:
    """Operations of settings."""

    def __init__(self, ask: AsyncAsk) -> None:
        self._ask = ask

    async def settings(
        self,
    ) -> SettingsAnswer:
        """Every setting with its words, range and value."""
        return await self._ask(
            "GET",
            "/api/v1/settings",
            SettingsAnswer,
        )

    async def change_settings(
        self,
        *,
        values: ChangeSettingsBodyValues,
        revision: str | Unset | None = UNSET,
    ) -> SettingsAnswer:
        """Change settings, all or none; they take effect at once and are kept in settings.yaml."""
        return await self._ask(
            "PATCH",
            "/api/v1/settings",
            SettingsAnswer,
            body=only_given(
                values=values,
                revision=revision,
            ),
        )

    async def export_settings(
        self,
        *,
        everything: bool = False,
    ) -> bytes:
        """Settings as a YAML file: those that are not at their default, each below its help. What is read at start only
        is left out."""
        return await self._ask(
            "GET",
            "/api/v1/settings/export.yaml",
            bytes,
            query={
                "everything": everything,
            },
        )

    async def import_settings(
        self,
        *,
        text: str,
        apply: bool | Unset = UNSET,
        revision: str | Unset | None = UNSET,
    ) -> SettingsImport:
        """Set what a YAML text says, all or nothing; with apply=false only look at it.

        Where lines can't be used, the error has all of them in `problems`: line, name, message and hint."""
        return await self._ask(
            "POST",
            "/api/v1/settings/import",
            SettingsImport,
            body=only_given(
                text=text,
                apply=apply,
                revision=revision,
            ),
        )

    async def undo_settings(
        self,
        *,
        revision: str | Unset | None = UNSET,
    ) -> SettingsAnswer:
        """Take back the last change of settings since Easel was started; again for the one before it."""
        return await self._ask(
            "POST",
            "/api/v1/settings/undo",
            SettingsAnswer,
            body=only_given(
                revision=revision,
            ),
        )

    async def example_path(
        self,
        *,
        folder_pattern: str | None = None,
        name_pattern: str | None = None,
    ) -> ExamplePath:
        """Where a picture would go with these patterns (those in force where one is left out)."""
        return await self._ask(
            "GET",
            "/api/v1/settings/example-path",
            ExamplePath,
            query={
                "folder_pattern": folder_pattern,
                "name_pattern": name_pattern,
            },
        )


class WorkshopOperations:
    """Operations of workshop."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def orders(
        self,
    ) -> OrderList:
        """All orders, newest first. `order` and `order_progress` events bring them up to date."""
        return self._ask(
            "GET",
            "/api/v1/workshop/orders",
            OrderList,
        )

    def submit_order(
        self,
        body: BakeVaeOrder | ConvertOrder | DownloadOrder | ExtractVaeOrder | MergeOrder | TrainOrder,
    ) -> Order:
        """Take an order of one of the kinds. It is written down when this answers, and done in the background."""
        return self._ask(
            "POST",
            "/api/v1/workshop/orders",
            Order,
            body=body,
        )

    def recipes(
        self,
    ) -> RecipesResponseRecipes:
        """What can be ordered: for each kind the JSON schema of its fields, with labels, help, ranges and defaults."""
        return self._ask(
            "GET",
            "/api/v1/workshop/recipes",
            RecipesResponseRecipes,
        )

    def order(
        self,
        order_id: str,
    ) -> Order:
        """One order."""
        return self._ask(
            "GET",
            path_of(
                "/api/v1/workshop/orders/{order_id}",
                order_id=order_id,
            ),
            Order,
        )

    def remove_order(
        self,
        order_id: str,
    ) -> None:
        """Forget an ended order, with what an unfinished download has fetched. What was made stays."""
        return self._ask(
            "DELETE",
            path_of(
                "/api/v1/workshop/orders/{order_id}",
                order_id=order_id,
            ),
            None,
        )

    def cancel_order(
        self,
        order_id: str,
    ) -> Order:
        """End an order. What a download has fetched stays, to be resumed."""
        return self._ask(
            "POST",
            path_of(
                "/api/v1/workshop/orders/{order_id}/cancel",
                order_id=order_id,
            ),
            Order,
        )

    def resume_order(
        self,
        order_id: str,
    ) -> Order:
        """Take a cancelled or failed order up again. A download goes on where it stopped; other work begins anew."""
        return self._ask(
            "POST",
            path_of(
                "/api/v1/workshop/orders/{order_id}/resume",
                order_id=order_id,
            ),
            Order,
        )

    def look_up(
        self,
        body: LookUpDownload,
    ) -> Offer:
        """What a download would fetch: name, size, checksum, licence, kind. This asks the source over the network;
        nothing is fetched."""
        return self._ask(
            "POST",
            "/api/v1/workshop/look-up",
            Offer,
            body=body,
        )

    def model_sources(
        self,
    ) -> ModelSourceList:
        """Places of add-ons where models can be fetched from; `searches` says whether one can be searched."""
        return self._ask(
            "GET",
            "/api/v1/workshop/sources",
            ModelSourceList,
        )

    def search_models(
        self,
        *,
        words: str,
    ) -> FoundModelList:
        """What these places know. This asks them over the network; nothing is fetched. The address goes to look-up."""
        return self._ask(
            "GET",
            "/api/v1/workshop/sources/search",
            FoundModelList,
            query={
                "words": words,
            },
        )

    def token_hosts(
        self,
    ) -> TokenHosts:
        """The hosts that have a token. Tokens themselves are never told."""
        return self._ask(
            "GET",
            "/api/v1/workshop/tokens",
            TokenHosts,
        )

    def set_token(
        self,
        *,
        host: str,
        token: str | None,
    ) -> TokenHosts:
        """Keep the token of a host, or forget it. It is sent to that host alone."""
        return self._ask(
            "PUT",
            "/api/v1/workshop/tokens",
            TokenHosts,
            body=only_given(
                host=host,
                token=token,
            ),
        )

    def model_folders(
        self,
    ) -> FolderList:
        """The folders that models are looked for in, Easel's own first."""
        return self._ask(
            "GET",
            "/api/v1/models/folders",
            FolderList,
        )

    def adopt_folder(
        self,
        *,
        path: str,
    ) -> FolderLook:
        """Use the models in a folder where they are, from now on. Nothing there is moved, copied or changed."""
        return self._ask(
            "POST",
            "/api/v1/models/folders",
            FolderLook,
            body=only_given(
                path=path,
            ),
        )

    def look_at_folder(
        self,
        *,
        path: str,
    ) -> FolderLook:
        """What a folder holds, by kind; nothing is taken yet."""
        return self._ask(
            "POST",
            "/api/v1/models/folders/look",
            FolderLook,
            body=only_given(
                path=path,
            ),
        )

    def release_folder(
        self,
        *,
        path: str,
    ) -> FolderList:
        """Use a folder no more that was added. It stays as it is."""
        return self._ask(
            "POST",
            "/api/v1/models/folders/release",
            FolderList,
            body=only_given(
                path=path,
            ),
        )


class AsyncWorkshopOperations:
    """Operations of workshop."""

    def __init__(self, ask: AsyncAsk) -> None:
        self._ask = ask

    async def orders(
        self,
    ) -> OrderList:
        """All orders, newest first. `order` and `order_progress` events bring them up to date."""
        return await self._ask(
            "GET",
            "/api/v1/workshop/orders",
            OrderList,
        )

    async def submit_order(
        self,
        body: BakeVaeOrder | ConvertOrder | DownloadOrder | ExtractVaeOrder | MergeOrder | TrainOrder,
    ) -> Order:
        """Take an order of one of the kinds. It is written down when this answers, and done in the background."""
        return await self._ask(
            "POST",
            "/api/v1/workshop/orders",
            Order,
            body=body,
        )

    async def recipes(
        self,
    ) -> RecipesResponseRecipes:
        """What can be ordered: for each kind the JSON schema of its fields, with labels, help, ranges and defaults."""
        return await self._ask(
            "GET",
            "/api/v1/workshop/recipes",
            RecipesResponseRecipes,
        )

    async def order(
        self,
        order_id: str,
    ) -> Order:
        """One order."""
        return await self._ask(
            "GET",
            path_of(
                "/api/v1/workshop/orders/{order_id}",
                order_id=order_id,
            ),
            Order,
        )

    async def remove_order(
        self,
        order_id: str,
    ) -> None:
        """Forget an ended order, with what an unfinished download has fetched. What was made stays."""
        return await self._ask(
            "DELETE",
            path_of(
                "/api/v1/workshop/orders/{order_id}",
                order_id=order_id,
            ),
            None,
        )

    async def cancel_order(
        self,
        order_id: str,
    ) -> Order:
        """End an order. What a download has fetched stays, to be resumed."""
        return await self._ask(
            "POST",
            path_of(
                "/api/v1/workshop/orders/{order_id}/cancel",
                order_id=order_id,
            ),
            Order,
        )

    async def resume_order(
        self,
        order_id: str,
    ) -> Order:
        """Take a cancelled or failed order up again. A download goes on where it stopped; other work begins anew."""
        return await self._ask(
            "POST",
            path_of(
                "/api/v1/workshop/orders/{order_id}/resume",
                order_id=order_id,
            ),
            Order,
        )

    async def look_up(
        self,
        body: LookUpDownload,
    ) -> Offer:
        """What a download would fetch: name, size, checksum, licence, kind. This asks the source over the network;
        nothing is fetched."""
        return await self._ask(
            "POST",
            "/api/v1/workshop/look-up",
            Offer,
            body=body,
        )

    async def model_sources(
        self,
    ) -> ModelSourceList:
        """Places of add-ons where models can be fetched from; `searches` says whether one can be searched."""
        return await self._ask(
            "GET",
            "/api/v1/workshop/sources",
            ModelSourceList,
        )

    async def search_models(
        self,
        *,
        words: str,
    ) -> FoundModelList:
        """What these places know. This asks them over the network; nothing is fetched. The address goes to look-up."""
        return await self._ask(
            "GET",
            "/api/v1/workshop/sources/search",
            FoundModelList,
            query={
                "words": words,
            },
        )

    async def token_hosts(
        self,
    ) -> TokenHosts:
        """The hosts that have a token. Tokens themselves are never told."""
        return await self._ask(
            "GET",
            "/api/v1/workshop/tokens",
            TokenHosts,
        )

    async def set_token(
        self,
        *,
        host: str,
        token: str | None,
    ) -> TokenHosts:
        """Keep the token of a host, or forget it. It is sent to that host alone."""
        return await self._ask(
            "PUT",
            "/api/v1/workshop/tokens",
            TokenHosts,
            body=only_given(
                host=host,
                token=token,
            ),
        )

    async def model_folders(
        self,
    ) -> FolderList:
        """The folders that models are looked for in, Easel's own first."""
        return await self._ask(
            "GET",
            "/api/v1/models/folders",
            FolderList,
        )

    async def adopt_folder(
        self,
        *,
        path: str,
    ) -> FolderLook:
        """Use the models in a folder where they are, from now on. Nothing there is moved, copied or changed."""
        return await self._ask(
            "POST",
            "/api/v1/models/folders",
            FolderLook,
            body=only_given(
                path=path,
            ),
        )

    async def look_at_folder(
        self,
        *,
        path: str,
    ) -> FolderLook:
        """What a folder holds, by kind; nothing is taken yet."""
        return await self._ask(
            "POST",
            "/api/v1/models/folders/look",
            FolderLook,
            body=only_given(
                path=path,
            ),
        )

    async def release_folder(
        self,
        *,
        path: str,
    ) -> FolderList:
        """Use a folder no more that was added. It stays as it is."""
        return await self._ask(
            "POST",
            "/api/v1/models/folders/release",
            FolderList,
            body=only_given(
                path=path,
            ),
        )


class TrainingOperations:
    """Operations of training."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def look_at_pictures(
        self,
        *,
        folder: str,
    ) -> TrainingPictures:
        """The pictures in a folder, with the captions in text files beside them. Nothing there is changed."""
        return self._ask(
            "GET",
            "/api/v1/training/look",
            TrainingPictures,
            query={
                "folder": folder,
            },
        )

    def training_picture(
        self,
        *,
        folder: str,
        name: str,
    ) -> bytes:
        """One of them, small: a WebP of at most 320 px."""
        return self._ask(
            "GET",
            "/api/v1/training/picture",
            bytes,
            query={
                "folder": folder,
                "name": name,
            },
        )

    def add_training_picture(
        self,
        body: bytes,
        content_type: str = "image/png",
        *,
        set_: str,
        name: str,
    ) -> TrainingSet:
        """Put a picture's bytes, with their own Content-Type, into a folder of Easel's own. Answers with its path."""
        return self._ask(
            "POST",
            "/api/v1/training/pictures",
            TrainingSet,
            query={
                "set": set_,
                "name": name,
            },
            body=body,
            content_type=content_type,
        )

    def training_run(
        self,
        order_id: str,
    ) -> TrainingRun:
        """A run: its order, the curve of its losses, smoothed, and its previews."""
        return self._ask(
            "GET",
            path_of(
                "/api/v1/training/runs/{order_id}",
                order_id=order_id,
            ),
            TrainingRun,
        )

    def training_sample(
        self,
        order_id: str,
        name: str,
    ) -> bytes:
        """One preview."""
        return self._ask(
            "GET",
            path_of(
                "/api/v1/training/runs/{order_id}/samples/{name}",
                order_id=order_id,
                name=name,
            ),
            bytes,
        )


class AsyncTrainingOperations:
    """Operations of training."""

    def __init__(self, ask: AsyncAsk) -> None:
        self._ask = ask

    async def look_at_pictures(
        self,
        *,
        folder: str,
    ) -> TrainingPictures:
        """The pictures in a folder, with the captions in text files beside them. Nothing there is changed."""
        return await self._ask(
            "GET",
            "/api/v1/training/look",
            TrainingPictures,
            query={
                "folder": folder,
            },
        )

    async def training_picture(
        self,
        *,
        folder: str,
        name: str,
    ) -> bytes:
        """One of them, small: a WebP of at most 320 px."""
        return await self._ask(
            "GET",
            "/api/v1/training/picture",
            bytes,
            query={
                "folder": folder,
                "name": name,
            },
        )

    async def add_training_picture(
        self,
        body: bytes,
        content_type: str = "image/png",
        *,
        set_: str,
        name: str,
    ) -> TrainingSet:
        """Put a picture's bytes, with their own Content-Type, into a folder of Easel's own. Answers with its path."""
        return await self._ask(
            "POST",
            "/api/v1/training/pictures",
            TrainingSet,
            query={
                "set": set_,
                "name": name,
            },
            body=body,
            content_type=content_type,
        )

    async def training_run(
        self,
        order_id: str,
    ) -> TrainingRun:
        """A run: its order, the curve of its losses, smoothed, and its previews."""
        return await self._ask(
            "GET",
            path_of(
                "/api/v1/training/runs/{order_id}",
                order_id=order_id,
            ),
            TrainingRun,
        )

    async def training_sample(
        self,
        order_id: str,
        name: str,
    ) -> bytes:
        """One preview."""
        return await self._ask(
            "GET",
            path_of(
                "/api/v1/training/runs/{order_id}/samples/{name}",
                order_id=order_id,
                name=name,
            ),
            bytes,
        )


class ModelsOperations:
    """Operations of models."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def model_list(
        self,
        *,
        kind: list[ModelListKindType0Item] | None = None,
        family: str = "",
        search: str = "",
        folder: str = "",
        usable: bool | None = None,
        sort: ModelListSort = "folder",
        limit: int = 100,
        offset: int = 0,
    ) -> ModelList:
        """Models of all kinds, broken ones with their reason; in the folders' order unless another one is asked for."""
        return self._ask(
            "GET",
            "/api/v1/models",
            ModelList,
            query={
                "kind": kind,
                "family": family,
                "search": search,
                "folder": folder,
                "usable": usable,
                "sort": sort,
                "limit": limit,
                "offset": offset,
            },
        )

    def model_overview(
        self,
        *,
        search: str = "",
    ) -> ModelOverview:
        """How many models there are of each kind that hold the words, and of which families and in which folders."""
        return self._ask(
            "GET",
            "/api/v1/models/overview",
            ModelOverview,
            query={
                "search": search,
            },
        )

    def model_memory(
        self,
    ) -> ModelMemory:
        """Which parts of checkpoints are in memory, where, and how large; a part that several share is there once."""
        return self._ask(
            "GET",
            "/api/v1/models/memory",
            ModelMemory,
        )

    def refresh_models(
        self,
    ) -> Refreshed:
        """Look at the model folders again. Easel does so by itself soon after something changed there."""
        return self._ask(
            "POST",
            "/api/v1/models/refresh",
            Refreshed,
        )

    def unload_all(
        self,
    ) -> None:
        """Let go of all weights, once what runs has ended. The next picture loads what it needs."""
        return self._ask(
            "POST",
            "/api/v1/models/unload",
            None,
        )

    def model_details(
        self,
        model_id: str,
    ) -> ModelDetails:
        """All about one model: hashes, parts, trigger words, notes, metadata, a checkpoint's defaults."""
        return self._ask(
            "GET",
            path_of(
                "/api/v1/models/{model_id}",
                model_id=model_id,
            ),
            ModelDetails,
        )

    def annotate_model(
        self,
        model_id: str,
        *,
        note: str | Unset | None = UNSET,
        description: str | Unset | None = UNSET,
        trigger_words: list[str] | Unset | None = UNSET,
        weight: float | Unset | None = UNSET,
        insert_words: bool | Unset | None = UNSET,
        defaults: AnnotateModelBodyDefaultsType0 | Unset | None = UNSET,
    ) -> ModelDetails:
        """Change what is said about a model, and the defaults of a checkpoint; null takes one out.

        It is written into name.json beside the model, as AUTOMATIC1111 has it; what was there before is kept in
        name.json.bak."""
        return self._ask(
            "PATCH",
            path_of(
                "/api/v1/models/{model_id}",
                model_id=model_id,
            ),
            ModelDetails,
            body=only_given(
                note=note,
                description=description,
                trigger_words=trigger_words,
                weight=weight,
                insert_words=insert_words,
                defaults=defaults,
            ),
        )

    def preload_model(
        self,
        model_id: str,
    ) -> PreloadModelResponsePreloadModel:
        """Have a checkpoint ready before it is asked for, once what runs has ended; `memory` events tell when it is."""
        return self._ask(
            "POST",
            path_of(
                "/api/v1/models/{model_id}/preload",
                model_id=model_id,
            ),
            PreloadModelResponsePreloadModel,
        )

    def unload_model(
        self,
        model_id: str,
    ) -> None:
        """Let go of the weights that only this checkpoint has, once what runs has ended."""
        return self._ask(
            "POST",
            path_of(
                "/api/v1/models/{model_id}/unload",
                model_id=model_id,
            ),
            None,
        )

    def model_preview(
        self,
        model_id: str,
    ) -> bytes:
        """The picture that lies beside a model, if it is a PNG, JPEG or WebP."""
        return self._ask(
            "GET",
            path_of(
                "/api/v1/models/{model_id}/preview",
                model_id=model_id,
            ),
            bytes,
        )

    def set_model_preview(
        self,
        model_id: str,
        body: dict[str, Any] | bytes,
        content_type: str = "application/json",
    ) -> ModelDetails:
        """Set the preview of a model: send a picture's bytes with its own Content-Type, or {"image": id} for one of the
        history.

        It is written beside the model as name.preview.png; what was there before is kept in name.preview.png.bak."""
        return self._ask(
            "PUT",
            path_of(
                "/api/v1/models/{model_id}/preview",
                model_id=model_id,
            ),
            ModelDetails,
            body=body,
            content_type=content_type,
        )

    def take_model_preview_back(
        self,
        model_id: str,
    ) -> ModelDetails:
        """Undo the last setting of a preview: what was there before comes back. 409 for a preview that was not set here."""
        return self._ask(
            "DELETE",
            path_of(
                "/api/v1/models/{model_id}/preview",
                model_id=model_id,
            ),
            ModelDetails,
        )

    def model_thumbnail(
        self,
        model_id: str,
    ) -> bytes:
        """The same as a WebP of at most 480 px."""
        return self._ask(
            "GET",
            path_of(
                "/api/v1/models/{model_id}/thumbnail",
                model_id=model_id,
            ),
            bytes,
        )


class AsyncModelsOperations:
    """Operations of models."""

    def __init__(self, ask: AsyncAsk) -> None:
        self._ask = ask

    async def model_list(
        self,
        *,
        kind: list[ModelListKindType0Item] | None = None,
        family: str = "",
        search: str = "",
        folder: str = "",
        usable: bool | None = None,
        sort: ModelListSort = "folder",
        limit: int = 100,
        offset: int = 0,
    ) -> ModelList:
        """Models of all kinds, broken ones with their reason; in the folders' order unless another one is asked for."""
        return await self._ask(
            "GET",
            "/api/v1/models",
            ModelList,
            query={
                "kind": kind,
                "family": family,
                "search": search,
                "folder": folder,
                "usable": usable,
                "sort": sort,
                "limit": limit,
                "offset": offset,
            },
        )

    async def model_overview(
        self,
        *,
        search: str = "",
    ) -> ModelOverview:
        """How many models there are of each kind that hold the words, and of which families and in which folders."""
        return await self._ask(
            "GET",
            "/api/v1/models/overview",
            ModelOverview,
            query={
                "search": search,
            },
        )

    async def model_memory(
        self,
    ) -> ModelMemory:
        """Which parts of checkpoints are in memory, where, and how large; a part that several share is there once."""
        return await self._ask(
            "GET",
            "/api/v1/models/memory",
            ModelMemory,
        )

    async def refresh_models(
        self,
    ) -> Refreshed:
        """Look at the model folders again. Easel does so by itself soon after something changed there."""
        return await self._ask(
            "POST",
            "/api/v1/models/refresh",
            Refreshed,
        )

    async def unload_all(
        self,
    ) -> None:
        """Let go of all weights, once what runs has ended. The next picture loads what it needs."""
        return await self._ask(
            "POST",
            "/api/v1/models/unload",
            None,
        )

    async def model_details(
        self,
        model_id: str,
    ) -> ModelDetails:
        """All about one model: hashes, parts, trigger words, notes, metadata, a checkpoint's defaults."""
        return await self._ask(
            "GET",
            path_of(
                "/api/v1/models/{model_id}",
                model_id=model_id,
            ),
            ModelDetails,
        )

    async def annotate_model(
        self,
        model_id: str,
        *,
        note: str | Unset | None = UNSET,
        description: str | Unset | None = UNSET,
        trigger_words: list[str] | Unset | None = UNSET,
        weight: float | Unset | None = UNSET,
        insert_words: bool | Unset | None = UNSET,
        defaults: AnnotateModelBodyDefaultsType0 | Unset | None = UNSET,
    ) -> ModelDetails:
        """Change what is said about a model, and the defaults of a checkpoint; null takes one out.

        It is written into name.json beside the model, as AUTOMATIC1111 has it; what was there before is kept in
        name.json.bak."""
        return await self._ask(
            "PATCH",
            path_of(
                "/api/v1/models/{model_id}",
                model_id=model_id,
            ),
            ModelDetails,
            body=only_given(
                note=note,
                description=description,
                trigger_words=trigger_words,
                weight=weight,
                insert_words=insert_words,
                defaults=defaults,
            ),
        )

    async def preload_model(
        self,
        model_id: str,
    ) -> PreloadModelResponsePreloadModel:
        """Have a checkpoint ready before it is asked for, once what runs has ended; `memory` events tell when it is."""
        return await self._ask(
            "POST",
            path_of(
                "/api/v1/models/{model_id}/preload",
                model_id=model_id,
            ),
            PreloadModelResponsePreloadModel,
        )

    async def unload_model(
        self,
        model_id: str,
    ) -> None:
        """Let go of the weights that only this checkpoint has, once what runs has ended."""
        return await self._ask(
            "POST",
            path_of(
                "/api/v1/models/{model_id}/unload",
                model_id=model_id,
            ),
            None,
        )

    async def model_preview(
        self,
        model_id: str,
    ) -> bytes:
        """The picture that lies beside a model, if it is a PNG, JPEG or WebP."""
        return await self._ask(
            "GET",
            path_of(
                "/api/v1/models/{model_id}/preview",
                model_id=model_id,
            ),
            bytes,
        )

    async def set_model_preview(
        self,
        model_id: str,
        body: dict[str, Any] | bytes,
        content_type: str = "application/json",
    ) -> ModelDetails:
        """Set the preview of a model: send a picture's bytes with its own Content-Type, or {"image": id} for one of the
        history.

        It is written beside the model as name.preview.png; what was there before is kept in name.preview.png.bak."""
        return await self._ask(
            "PUT",
            path_of(
                "/api/v1/models/{model_id}/preview",
                model_id=model_id,
            ),
            ModelDetails,
            body=body,
            content_type=content_type,
        )

    async def take_model_preview_back(
        self,
        model_id: str,
    ) -> ModelDetails:
        """Undo the last setting of a preview: what was there before comes back. 409 for a preview that was not set here."""
        return await self._ask(
            "DELETE",
            path_of(
                "/api/v1/models/{model_id}/preview",
                model_id=model_id,
            ),
            ModelDetails,
        )

    async def model_thumbnail(
        self,
        model_id: str,
    ) -> bytes:
        """The same as a WebP of at most 480 px."""
        return await self._ask(
            "GET",
            path_of(
                "/api/v1/models/{model_id}/thumbnail",
                model_id=model_id,
            ),
            bytes,
        )


class SystemOperations:
    """Operations of system."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def system(
        self,
    ) -> System:
        """What is wrong and what to do; versions, device, memory, disks. Thorough findings are those of the last check."""
        return self._ask(
            "GET",
            "/api/v1/system",
            System,
        )

    def check(
        self,
    ) -> System:
        """Begin the thorough checks (database integrity, pictures on disk); `system` events tell how far they are."""
        return self._ask(
            "POST",
            "/api/v1/system/check",
            System,
        )

    def report(
        self,
    ) -> bytes:
        """Findings, versions, changed settings and the last log lines, to attach to an issue.

        Without secrets, prompts, and names of people, machines and pictures."""
        return self._ask(
            "GET",
            "/api/v1/system/report",
            bytes,
        )


class AsyncSystemOperations:
    """Operations of system."""

    def __init__(self, ask: AsyncAsk) -> None:
        self._ask = ask

    async def system(
        self,
    ) -> System:
        """What is wrong and what to do; versions, device, memory, disks. Thorough findings are those of the last check."""
        return await self._ask(
            "GET",
            "/api/v1/system",
            System,
        )

    async def check(
        self,
    ) -> System:
        """Begin the thorough checks (database integrity, pictures on disk); `system` events tell how far they are."""
        return await self._ask(
            "POST",
            "/api/v1/system/check",
            System,
        )

    async def report(
        self,
    ) -> bytes:
        """Findings, versions, changed settings and the last log lines, to attach to an issue.

        Without secrets, prompts, and names of people, machines and pictures."""
        return await self._ask(
            "GET",
            "/api/v1/system/report",
            bytes,
        )


class ExtensionsOperations:
    """Operations of extensions."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def extensions(
        self,
    ) -> ExtensionsResponseExtensions:
        """All add-ons with state, times and last fault; what is on its way; safe mode; the search for a broken one."""
        return self._ask(
            "GET",
            "/api/v1/extensions",
            ExtensionsResponseExtensions,
        )

    def available(
        self,
    ) -> AvailableResponseAvailable:
        """The entries of all lists. Nothing is fetched."""
        return self._ask(
            "GET",
            "/api/v1/extensions/available",
            AvailableResponseAvailable,
        )

    def stage_extension(
        self,
        *,
        source: str,
        ref: str | Unset = UNSET,
    ) -> StageExtensionResponseStageExtension:
        """Begin to fetch and check an add-on. `extension_stage` events tell how far it is; nothing is installed."""
        return self._ask(
            "POST",
            "/api/v1/extensions/stages",
            StageExtensionResponseStageExtension,
            body=only_given(
                source=source,
                ref=ref,
            ),
        )

    def stage_zip(
        self,
        body: bytes,
        content_type: str = "application/zip",
        *,
        name: str = "add-on.zip",
    ) -> StageZipResponseStageZip:
        """The same with a zip as the body."""
        return self._ask(
            "POST",
            "/api/v1/extensions/zip",
            StageZipResponseStageZip,
            query={
                "name": name,
            },
            body=body,
            content_type=content_type,
        )

    def stage_listed(
        self,
        *,
        index: str,
        id: str,
    ) -> StageListedResponseStageListed:
        """The same with an entry of a list."""
        return self._ask(
            "POST",
            "/api/v1/extensions/listed",
            StageListedResponseStageListed,
            body=only_given(
                index=index,
                id=id,
            ),
        )

    def stage_of(
        self,
        stage_id: str,
    ) -> StageOfResponseStageOf:
        """How far it is, and what would be installed: source, commit or hash, permissions, packages."""
        return self._ask(
            "GET",
            path_of(
                "/api/v1/extensions/stages/{stage_id}",
                stage_id=stage_id,
            ),
            StageOfResponseStageOf,
        )

    def forget_stage(
        self,
        stage_id: str,
    ) -> None:
        """It is not wanted: end it, and forget what was fetched."""
        return self._ask(
            "DELETE",
            path_of(
                "/api/v1/extensions/stages/{stage_id}",
                stage_id=stage_id,
            ),
            None,
        )

    def install_extension(
        self,
        stage_id: str,
    ) -> InstallExtensionResponseInstallExtension:
        """Install what was checked and shown. It runs with all rights that Easel has."""
        return self._ask(
            "POST",
            path_of(
                "/api/v1/extensions/stages/{stage_id}/install",
                stage_id=stage_id,
            ),
            InstallExtensionResponseInstallExtension,
        )

    def check_updates(
        self,
    ) -> CheckUpdatesResponseCheckUpdates:
        """Ask each source whether it has something newer. Nothing is fetched, and nothing is ever updated by itself."""
        return self._ask(
            "POST",
            "/api/v1/extensions/check-updates",
            CheckUpdatesResponseCheckUpdates,
        )

    def add_index(
        self,
        *,
        address: str,
    ) -> None:
        """Use a list of add-ons from now on: an https address, or a whole path. An address is asked now."""
        return self._ask(
            "POST",
            "/api/v1/extensions/indexes",
            None,
            body=only_given(
                address=address,
            ),
        )

    def remove_index(
        self,
        *,
        address: str,
    ) -> None:
        """Use a list no more."""
        return self._ask(
            "DELETE",
            "/api/v1/extensions/indexes",
            None,
            query={
                "address": address,
            },
        )

    def refresh_indexes(
        self,
    ) -> RefreshIndexesResponseRefreshIndexes:
        """Fetch all lists anew."""
        return self._ask(
            "POST",
            "/api/v1/extensions/indexes/refresh",
            RefreshIndexesResponseRefreshIndexes,
        )

    def safe_mode(
        self,
        *,
        on: bool,
    ) -> SafeModeResponseSafeMode:
        """Without add-ons from now on, also at the next starts; or with them again."""
        return self._ask(
            "POST",
            "/api/v1/extensions/safe-mode",
            SafeModeResponseSafeMode,
            body=only_given(
                on=on,
            ),
        )

    def restart(
        self,
    ) -> RestartResponseRestart:
        """Start Easel anew. What runs goes on from its journal."""
        return self._ask(
            "POST",
            "/api/v1/extensions/restart",
            RestartResponseRestart,
        )

    def begin_search(
        self,
        *,
        image: str | Unset = UNSET,
    ) -> BeginSearchResponseBeginSearch:
        """Find the add-on that breaks something, by halves. image: id of a picture that is made again each time; else a
        person says."""
        return self._ask(
            "POST",
            "/api/v1/extensions/search",
            BeginSearchResponseBeginSearch,
            body=only_given(
                image=image,
            ),
        )

    def end_search(
        self,
    ) -> None:
        """End the search, or put its result away. All add-ons are as they were before."""
        return self._ask(
            "DELETE",
            "/api/v1/extensions/search",
            None,
        )

    def answer_search(
        self,
        *,
        broken: bool,
    ) -> AnswerSearchResponseAnswerSearch:
        """Say whether it is broken with those add-ons that are on now."""
        return self._ask(
            "POST",
            "/api/v1/extensions/search/answer",
            AnswerSearchResponseAnswerSearch,
            body=only_given(
                broken=broken,
            ),
        )

    def extension(
        self,
        extension_id: str,
    ) -> ExtensionResponseExtension:
        """All about one: readme, log lines, hooks, earlier versions."""
        return self._ask(
            "GET",
            path_of(
                "/api/v1/extensions/{extension_id}",
                extension_id=extension_id,
            ),
            ExtensionResponseExtension,
        )

    def remove_extension(
        self,
        extension_id: str,
    ) -> None:
        """Take it out. It can be brought back until the next start; its own data stays."""
        return self._ask(
            "DELETE",
            path_of(
                "/api/v1/extensions/{extension_id}",
                extension_id=extension_id,
            ),
            None,
        )

    def enable_extension(
        self,
        extension_id: str,
    ) -> None:
        """Switch it on; what it did is forgiven."""
        return self._ask(
            "POST",
            path_of(
                "/api/v1/extensions/{extension_id}/enable",
                extension_id=extension_id,
            ),
            None,
        )

    def disable_extension(
        self,
        extension_id: str,
    ) -> None:
        """Switch it off."""
        return self._ask(
            "POST",
            path_of(
                "/api/v1/extensions/{extension_id}/disable",
                extension_id=extension_id,
            ),
            None,
        )

    def roll_back_extension(
        self,
        extension_id: str,
    ) -> None:
        """Go back to the version before."""
        return self._ask(
            "POST",
            path_of(
                "/api/v1/extensions/{extension_id}/roll-back",
                extension_id=extension_id,
            ),
            None,
        )

    def bring_back_extension(
        self,
        extension_id: str,
    ) -> None:
        """Undo its removal."""
        return self._ask(
            "POST",
            path_of(
                "/api/v1/extensions/{extension_id}/bring-back",
                extension_id=extension_id,
            ),
            None,
        )

    def update_extension(
        self,
        extension_id: str,
    ) -> UpdateExtensionResponseUpdateExtension:
        """Begin to fetch and check its newest version: it is shown, and installed as a new one is."""
        return self._ask(
            "POST",
            path_of(
                "/api/v1/extensions/{extension_id}/update",
                extension_id=extension_id,
            ),
            UpdateExtensionResponseUpdateExtension,
        )


class AsyncExtensionsOperations:
    """Operations of extensions."""

    def __init__(self, ask: AsyncAsk) -> None:
        self._ask = ask

    async def extensions(
        self,
    ) -> ExtensionsResponseExtensions:
        """All add-ons with state, times and last fault; what is on its way; safe mode; the search for a broken one."""
        return await self._ask(
            "GET",
            "/api/v1/extensions",
            ExtensionsResponseExtensions,
        )

    async def available(
        self,
    ) -> AvailableResponseAvailable:
        """The entries of all lists. Nothing is fetched."""
        return await self._ask(
            "GET",
            "/api/v1/extensions/available",
            AvailableResponseAvailable,
        )

    async def stage_extension(
        self,
        *,
        source: str,
        ref: str | Unset = UNSET,
    ) -> StageExtensionResponseStageExtension:
        """Begin to fetch and check an add-on. `extension_stage` events tell how far it is; nothing is installed."""
        return await self._ask(
            "POST",
            "/api/v1/extensions/stages",
            StageExtensionResponseStageExtension,
            body=only_given(
                source=source,
                ref=ref,
            ),
        )

    async def stage_zip(
        self,
        body: bytes,
        content_type: str = "application/zip",
        *,
        name: str = "add-on.zip",
    ) -> StageZipResponseStageZip:
        """The same with a zip as the body."""
        return await self._ask(
            "POST",
            "/api/v1/extensions/zip",
            StageZipResponseStageZip,
            query={
                "name": name,
            },
            body=body,
            content_type=content_type,
        )

    async def stage_listed(
        self,
        *,
        index: str,
        id: str,
    ) -> StageListedResponseStageListed:
        """The same with an entry of a list."""
        return await self._ask(
            "POST",
            "/api/v1/extensions/listed",
            StageListedResponseStageListed,
            body=only_given(
                index=index,
                id=id,
            ),
        )

    async def stage_of(
        self,
        stage_id: str,
    ) -> StageOfResponseStageOf:
        """How far it is, and what would be installed: source, commit or hash, permissions, packages."""
        return await self._ask(
            "GET",
            path_of(
                "/api/v1/extensions/stages/{stage_id}",
                stage_id=stage_id,
            ),
            StageOfResponseStageOf,
        )

    async def forget_stage(
        self,
        stage_id: str,
    ) -> None:
        """It is not wanted: end it, and forget what was fetched."""
        return await self._ask(
            "DELETE",
            path_of(
                "/api/v1/extensions/stages/{stage_id}",
                stage_id=stage_id,
            ),
            None,
        )

    async def install_extension(
        self,
        stage_id: str,
    ) -> InstallExtensionResponseInstallExtension:
        """Install what was checked and shown. It runs with all rights that Easel has."""
        return await self._ask(
            "POST",
            path_of(
                "/api/v1/extensions/stages/{stage_id}/install",
                stage_id=stage_id,
            ),
            InstallExtensionResponseInstallExtension,
        )

    async def check_updates(
        self,
    ) -> CheckUpdatesResponseCheckUpdates:
        """Ask each source whether it has something newer. Nothing is fetched, and nothing is ever updated by itself."""
        return await self._ask(
            "POST",
            "/api/v1/extensions/check-updates",
            CheckUpdatesResponseCheckUpdates,
        )

    async def add_index(
        self,
        *,
        address: str,
    ) -> None:
        """Use a list of add-ons from now on: an https address, or a whole path. An address is asked now."""
        return await self._ask(
            "POST",
            "/api/v1/extensions/indexes",
            None,
            body=only_given(
                address=address,
            ),
        )

    async def remove_index(
        self,
        *,
        address: str,
    ) -> None:
        """Use a list no more."""
        return await self._ask(
            "DELETE",
            "/api/v1/extensions/indexes",
            None,
            query={
                "address": address,
            },
        )

    async def refresh_indexes(
        self,
    ) -> RefreshIndexesResponseRefreshIndexes:
        """Fetch all lists anew."""
        return await self._ask(
            "POST",
            "/api/v1/extensions/indexes/refresh",
            RefreshIndexesResponseRefreshIndexes,
        )

    async def safe_mode(
        self,
        *,
        on: bool,
    ) -> SafeModeResponseSafeMode:
        """Without add-ons from now on, also at the next starts; or with them again."""
        return await self._ask(
            "POST",
            "/api/v1/extensions/safe-mode",
            SafeModeResponseSafeMode,
            body=only_given(
                on=on,
            ),
        )

    async def restart(
        self,
    ) -> RestartResponseRestart:
        """Start Easel anew. What runs goes on from its journal."""
        return await self._ask(
            "POST",
            "/api/v1/extensions/restart",
            RestartResponseRestart,
        )

    async def begin_search(
        self,
        *,
        image: str | Unset = UNSET,
    ) -> BeginSearchResponseBeginSearch:
        """Find the add-on that breaks something, by halves. image: id of a picture that is made again each time; else a
        person says."""
        return await self._ask(
            "POST",
            "/api/v1/extensions/search",
            BeginSearchResponseBeginSearch,
            body=only_given(
                image=image,
            ),
        )

    async def end_search(
        self,
    ) -> None:
        """End the search, or put its result away. All add-ons are as they were before."""
        return await self._ask(
            "DELETE",
            "/api/v1/extensions/search",
            None,
        )

    async def answer_search(
        self,
        *,
        broken: bool,
    ) -> AnswerSearchResponseAnswerSearch:
        """Say whether it is broken with those add-ons that are on now."""
        return await self._ask(
            "POST",
            "/api/v1/extensions/search/answer",
            AnswerSearchResponseAnswerSearch,
            body=only_given(
                broken=broken,
            ),
        )

    async def extension(
        self,
        extension_id: str,
    ) -> ExtensionResponseExtension:
        """All about one: readme, log lines, hooks, earlier versions."""
        return await self._ask(
            "GET",
            path_of(
                "/api/v1/extensions/{extension_id}",
                extension_id=extension_id,
            ),
            ExtensionResponseExtension,
        )

    async def remove_extension(
        self,
        extension_id: str,
    ) -> None:
        """Take it out. It can be brought back until the next start; its own data stays."""
        return await self._ask(
            "DELETE",
            path_of(
                "/api/v1/extensions/{extension_id}",
                extension_id=extension_id,
            ),
            None,
        )

    async def enable_extension(
        self,
        extension_id: str,
    ) -> None:
        """Switch it on; what it did is forgiven."""
        return await self._ask(
            "POST",
            path_of(
                "/api/v1/extensions/{extension_id}/enable",
                extension_id=extension_id,
            ),
            None,
        )

    async def disable_extension(
        self,
        extension_id: str,
    ) -> None:
        """Switch it off."""
        return await self._ask(
            "POST",
            path_of(
                "/api/v1/extensions/{extension_id}/disable",
                extension_id=extension_id,
            ),
            None,
        )

    async def roll_back_extension(
        self,
        extension_id: str,
    ) -> None:
        """Go back to the version before."""
        return await self._ask(
            "POST",
            path_of(
                "/api/v1/extensions/{extension_id}/roll-back",
                extension_id=extension_id,
            ),
            None,
        )

    async def bring_back_extension(
        self,
        extension_id: str,
    ) -> None:
        """Undo its removal."""
        return await self._ask(
            "POST",
            path_of(
                "/api/v1/extensions/{extension_id}/bring-back",
                extension_id=extension_id,
            ),
            None,
        )

    async def update_extension(
        self,
        extension_id: str,
    ) -> UpdateExtensionResponseUpdateExtension:
        """Begin to fetch and check its newest version: it is shown, and installed as a new one is."""
        return await self._ask(
            "POST",
            path_of(
                "/api/v1/extensions/{extension_id}/update",
                extension_id=extension_id,
            ),
            UpdateExtensionResponseUpdateExtension,
        )


class WordsOperations:
    """Operations of words."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def explain_prompt(
        self,
        body: Img2Img | Inpaint | Txt2Img | Upscale,
    ) -> PromptAnswer:
        """Explain the prompts of a request: tokens by chunk with their weights, what changes when, extra networks,
        warnings with fixes.

        All fields may be left out; checkpoint, steps, sampler and the fields about prompts have a say in it."""
        return self._ask(
            "POST",
            "/api/v1/prompt/explain",
            PromptAnswer,
            body=body,
        )

    def completions(
        self,
        *,
        text: str = "",
        negative: bool = False,
    ) -> CompletionList:
        """Ways on for a prompt that is being typed: LoRAs in a tag, embeddings, wildcards, and words from history, most
        used first."""
        return self._ask(
            "GET",
            "/api/v1/completions",
            CompletionList,
            query={
                "text": text,
                "negative": negative,
            },
        )

    def styles(
        self,
    ) -> StyleList:
        """All styles in the order of their files; names of these go into a request's `styles`."""
        return self._ask(
            "GET",
            "/api/v1/styles",
            StyleList,
        )

    def save_style(
        self,
        body: StyleToSave,
    ) -> StyleAnswer:
        """Save a style: a new one, another text for the one of that name, or (with `was`) another name for one."""
        return self._ask(
            "PUT",
            "/api/v1/styles",
            StyleAnswer,
            body=body,
        )

    def delete_style(
        self,
        *,
        name: str,
    ) -> StyleAnswer:
        """Delete a style. The answer, sent back by PUT, puts it where it was."""
        return self._ask(
            "DELETE",
            "/api/v1/styles",
            StyleAnswer,
            query={
                "name": name,
            },
        )

    def metadata(
        self,
        body: dict[str, Any] | bytes,
        content_type: str = "application/json",
    ) -> MetadataAnswer:
        """Read a picture of AUTOMATIC1111, Forge, SD.Next, ComfyUI, InvokeAI, Fooocus, NovelAI or Easel, or pasted text.

        Send the picture's bytes with its own Content-Type, or {"text": "..."} as JSON. What it says of the picture
        comes back as
        fields of a request, and what has no place here as a list with reasons. Nothing is kept."""
        return self._ask(
            "POST",
            "/api/v1/metadata",
            MetadataAnswer,
            body=body,
            content_type=content_type,
        )


class AsyncWordsOperations:
    """Operations of words."""

    def __init__(self, ask: AsyncAsk) -> None:
        self._ask = ask

    async def explain_prompt(
        self,
        body: Img2Img | Inpaint | Txt2Img | Upscale,
    ) -> PromptAnswer:
        """Explain the prompts of a request: tokens by chunk with their weights, what changes when, extra networks,
        warnings with fixes.

        All fields may be left out; checkpoint, steps, sampler and the fields about prompts have a say in it."""
        return await self._ask(
            "POST",
            "/api/v1/prompt/explain",
            PromptAnswer,
            body=body,
        )

    async def completions(
        self,
        *,
        text: str = "",
        negative: bool = False,
    ) -> CompletionList:
        """Ways on for a prompt that is being typed: LoRAs in a tag, embeddings, wildcards, and words from history, most
        used first."""
        return await self._ask(
            "GET",
            "/api/v1/completions",
            CompletionList,
            query={
                "text": text,
                "negative": negative,
            },
        )

    async def styles(
        self,
    ) -> StyleList:
        """All styles in the order of their files; names of these go into a request's `styles`."""
        return await self._ask(
            "GET",
            "/api/v1/styles",
            StyleList,
        )

    async def save_style(
        self,
        body: StyleToSave,
    ) -> StyleAnswer:
        """Save a style: a new one, another text for the one of that name, or (with `was`) another name for one."""
        return await self._ask(
            "PUT",
            "/api/v1/styles",
            StyleAnswer,
            body=body,
        )

    async def delete_style(
        self,
        *,
        name: str,
    ) -> StyleAnswer:
        """Delete a style. The answer, sent back by PUT, puts it where it was."""
        return await self._ask(
            "DELETE",
            "/api/v1/styles",
            StyleAnswer,
            query={
                "name": name,
            },
        )

    async def metadata(
        self,
        body: dict[str, Any] | bytes,
        content_type: str = "application/json",
    ) -> MetadataAnswer:
        """Read a picture of AUTOMATIC1111, Forge, SD.Next, ComfyUI, InvokeAI, Fooocus, NovelAI or Easel, or pasted text.

        Send the picture's bytes with its own Content-Type, or {"text": "..."} as JSON. What it says of the picture
        comes back as
        fields of a request, and what has no place here as a list with reasons. Nothing is kept."""
        return await self._ask(
            "POST",
            "/api/v1/metadata",
            MetadataAnswer,
            body=body,
            content_type=content_type,
        )


class AddOnsOperations:
    """Operations of add_ons."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def add_on_page(
        self,
    ) -> AddOnPage:
        """Panels, tabs, scripts and events that add-ons declare, and the files that the page loads for them."""
        return self._ask(
            "GET",
            "/api/v1/add-ons/page",
            AddOnPage,
        )

    def add_on_file(
        self,
        extension: str,
        name: str,
    ) -> bytes:
        """A script or style that an add-on named for the page."""
        return self._ask(
            "GET",
            path_of(
                "/api/v1/add-ons/{extension}/files/{name}",
                extension=extension,
                name=name,
            ),
            bytes,
        )


class AsyncAddOnsOperations:
    """Operations of add_ons."""

    def __init__(self, ask: AsyncAsk) -> None:
        self._ask = ask

    async def add_on_page(
        self,
    ) -> AddOnPage:
        """Panels, tabs, scripts and events that add-ons declare, and the files that the page loads for them."""
        return await self._ask(
            "GET",
            "/api/v1/add-ons/page",
            AddOnPage,
        )

    async def add_on_file(
        self,
        extension: str,
        name: str,
    ) -> bytes:
        """A script or style that an add-on named for the page."""
        return await self._ask(
            "GET",
            path_of(
                "/api/v1/add-ons/{extension}/files/{name}",
                extension=extension,
                name=name,
            ),
            bytes,
        )


class ScriptsOperations:
    """Operations of scripts."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def scripts(
        self,
    ) -> ScriptList:
        """The scripts that add-ons offer, with their fields."""
        return self._ask(
            "GET",
            "/api/v1/scripts",
            ScriptList,
        )

    def script_runs(
        self,
    ) -> ScriptRunList:
        """Runs, newest first; ended ones are forgotten after a hundred others."""
        return self._ask(
            "GET",
            "/api/v1/scripts/runs",
            ScriptRunList,
        )

    def script_run(
        self,
        run_id: str,
    ) -> ScriptRunWithParts:
        """One run with what became of each of its parts."""
        return self._ask(
            "GET",
            path_of(
                "/api/v1/scripts/runs/{run_id}",
                run_id=run_id,
            ),
            ScriptRunWithParts,
        )

    def remove_script_run(
        self,
        run_id: str,
    ) -> None:
        """Forget an ended run. Its pictures and jobs stay."""
        return self._ask(
            "DELETE",
            path_of(
                "/api/v1/scripts/runs/{run_id}",
                run_id=run_id,
            ),
            None,
        )

    def pause_script_run(
        self,
        run_id: str,
    ) -> ScriptRun:
        """Draw nothing further; what is being drawn goes on."""
        return self._ask(
            "POST",
            path_of(
                "/api/v1/scripts/runs/{run_id}/pause",
                run_id=run_id,
            ),
            ScriptRun,
        )

    def resume_script_run(
        self,
        run_id: str,
    ) -> ScriptRun:
        """Go on where it was halted, trying again what failed."""
        return self._ask(
            "POST",
            path_of(
                "/api/v1/scripts/runs/{run_id}/resume",
                run_id=run_id,
            ),
            ScriptRun,
        )

    def cancel_script_run(
        self,
        run_id: str,
    ) -> ScriptRun:
        """End it: what is being drawn ends at its next step, finished pictures stay."""
        return self._ask(
            "POST",
            path_of(
                "/api/v1/scripts/runs/{run_id}/cancel",
                run_id=run_id,
            ),
            ScriptRun,
        )

    def start_script(
        self,
        script: str,
        *,
        request: StartScriptBodyRequest,
        values: StartScriptBodyValues | Unset = UNSET,
    ) -> ScriptRun:
        """Make many pictures of a request as the script does. It goes on where it was after a restart."""
        return self._ask(
            "POST",
            path_of(
                "/api/v1/scripts/{script}/runs",
                script=script,
            ),
            ScriptRun,
            body=only_given(
                request=request,
                values=values,
            ),
        )


class AsyncScriptsOperations:
    """Operations of scripts."""

    def __init__(self, ask: AsyncAsk) -> None:
        self._ask = ask

    async def scripts(
        self,
    ) -> ScriptList:
        """The scripts that add-ons offer, with their fields."""
        return await self._ask(
            "GET",
            "/api/v1/scripts",
            ScriptList,
        )

    async def script_runs(
        self,
    ) -> ScriptRunList:
        """Runs, newest first; ended ones are forgotten after a hundred others."""
        return await self._ask(
            "GET",
            "/api/v1/scripts/runs",
            ScriptRunList,
        )

    async def script_run(
        self,
        run_id: str,
    ) -> ScriptRunWithParts:
        """One run with what became of each of its parts."""
        return await self._ask(
            "GET",
            path_of(
                "/api/v1/scripts/runs/{run_id}",
                run_id=run_id,
            ),
            ScriptRunWithParts,
        )

    async def remove_script_run(
        self,
        run_id: str,
    ) -> None:
        """Forget an ended run. Its pictures and jobs stay."""
        return await self._ask(
            "DELETE",
            path_of(
                "/api/v1/scripts/runs/{run_id}",
                run_id=run_id,
            ),
            None,
        )

    async def pause_script_run(
        self,
        run_id: str,
    ) -> ScriptRun:
        """Draw nothing further; what is being drawn goes on."""
        return await self._ask(
            "POST",
            path_of(
                "/api/v1/scripts/runs/{run_id}/pause",
                run_id=run_id,
            ),
            ScriptRun,
        )

    async def resume_script_run(
        self,
        run_id: str,
    ) -> ScriptRun:
        """Go on where it was halted, trying again what failed."""
        return await self._ask(
            "POST",
            path_of(
                "/api/v1/scripts/runs/{run_id}/resume",
                run_id=run_id,
            ),
            ScriptRun,
        )

    async def cancel_script_run(
        self,
        run_id: str,
    ) -> ScriptRun:
        """End it: what is being drawn ends at its next step, finished pictures stay."""
        return await self._ask(
            "POST",
            path_of(
                "/api/v1/scripts/runs/{run_id}/cancel",
                run_id=run_id,
            ),
            ScriptRun,
        )

    async def start_script(
        self,
        script: str,
        *,
        request: StartScriptBodyRequest,
        values: StartScriptBodyValues | Unset = UNSET,
    ) -> ScriptRun:
        """Make many pictures of a request as the script does. It goes on where it was after a restart."""
        return await self._ask(
            "POST",
            path_of(
                "/api/v1/scripts/{script}/runs",
                script=script,
            ),
            ScriptRun,
            body=only_given(
                request=request,
                values=values,
            ),
        )


class Operations:
    """All operations, by their group."""

    def __init__(self, ask: Ask) -> None:
        self.people = PeopleOperations(ask)
        self.studio = StudioOperations(ask)
        self.jobs = JobsOperations(ask)
        self.queue = QueueOperations(ask)
        self.batches = BatchesOperations(ask)
        self.lineage = LineageOperations(ask)
        self.imports = ImportsOperations(ask)
        self.history = HistoryOperations(ask)
        self.exports = ExportsOperations(ask)
        self.pictures = PicturesOperations(ask)
        self.control = ControlOperations(ask)
        self.finishing = FinishingOperations(ask)
        self.presets = PresetsOperations(ask)
        self.choices = ChoicesOperations(ask)
        self.settings = SettingsOperations(ask)
        self.workshop = WorkshopOperations(ask)
        self.training = TrainingOperations(ask)
        self.models = ModelsOperations(ask)
        self.system = SystemOperations(ask)
        self.extensions = ExtensionsOperations(ask)
        self.words = WordsOperations(ask)
        self.add_ons = AddOnsOperations(ask)
        self.scripts = ScriptsOperations(ask)


class AsyncOperations:
    """All operations, by their group."""

    def __init__(self, ask: AsyncAsk) -> None:
        self.people = AsyncPeopleOperations(ask)
        self.studio = AsyncStudioOperations(ask)
        self.jobs = AsyncJobsOperations(ask)
        self.queue = AsyncQueueOperations(ask)
        self.batches = AsyncBatchesOperations(ask)
        self.lineage = AsyncLineageOperations(ask)
        self.imports = AsyncImportsOperations(ask)
        self.history = AsyncHistoryOperations(ask)
        self.exports = AsyncExportsOperations(ask)
        self.pictures = AsyncPicturesOperations(ask)
        self.control = AsyncControlOperations(ask)
        self.finishing = AsyncFinishingOperations(ask)
        self.presets = AsyncPresetsOperations(ask)
        self.choices = AsyncChoicesOperations(ask)
        self.settings = AsyncSettingsOperations(ask)
        self.workshop = AsyncWorkshopOperations(ask)
        self.training = AsyncTrainingOperations(ask)
        self.models = AsyncModelsOperations(ask)
        self.system = AsyncSystemOperations(ask)
        self.extensions = AsyncExtensionsOperations(ask)
        self.words = AsyncWordsOperations(ask)
        self.add_ons = AsyncAddOnsOperations(ask)
        self.scripts = AsyncScriptsOperations(ask)
